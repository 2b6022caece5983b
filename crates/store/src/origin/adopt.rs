//! What an operator says of a copy: it replaces the original, or it stays beside it.

use domain::{InstallationId, RoleName, SchemaName, TenantId};
use sqlx::{Connection, PgConnection};

use super::Database;
use super::check::{OriginError, recall, refuse_if_here, remember};
use crate::{audit, decode::unreadable};

/// The installation lives here from now on, under the same id. Says where it was before; `None` when
/// it was here. Not within a transaction.
///
/// # Errors
/// [`OriginError::OriginalIsHere`] when the original is on this server: its roles would be shared.
pub async fn move_here(
    conn: &mut PgConnection,
    actor: &str,
) -> Result<Option<Database>, OriginError> {
    let memory = recall(conn).await?;
    if memory.adopted_from.is_some() {
        return Err(OriginError::HalfAdopted);
    }
    let here = Database::here(conn).await?;
    let Some(before) = memory.remembered.clone().filter(|before| !before.is(&here)) else {
        return Ok(None);
    };
    refuse_if_here(conn, &memory, &here).await?;
    let mut tx = conn.begin().await?;
    remember(&mut tx, &here).await?;
    let detail = serde_json::json!({ "from": before.to_string(), "to": here.to_string() });
    let action = "installation.moved";
    audit::append(&mut tx, audit::Entry { actor, action, detail, ..Default::default() }).await?;
    tx.commit().await?;
    Ok(Some(before))
}

/// Gives the copy an id of its own and pauses its queue. Until [`end_copy`] every process refuses to
/// work here. Says who the original is, and who the copy is now; of a copy that has been begun, what
/// it was begun with. `None` when this is no copy. Not within a transaction.
pub async fn begin_copy(
    conn: &mut PgConnection,
    actor: &str,
) -> Result<Option<(InstallationId, InstallationId)>, OriginError> {
    let memory = recall(conn).await?;
    if let Some(original) = memory.adopted_from {
        return Ok(Some((original, memory.installation)));
    }
    let here = Database::here(conn).await?;
    let is_copy = match &memory.remembered {
        Some(remembered) => !remembered.is(&here),
        None => matches!(
            refuse_if_here(conn, &memory, &here).await,
            Err(OriginError::OriginalIsHere { .. })
        ),
    };
    if !is_copy {
        return Ok(None);
    }
    let mut tx = conn.begin().await?;
    let fresh = sqlx::query_scalar!(
        "update tenantry.installation
         set id = substr(md5(gen_random_uuid()::text), 1, 8), adopted_from = id,
             paused_at = coalesce(paused_at, clock_timestamp())
         returning id",
    )
    .fetch_one(&mut *tx)
    .await?;
    remember(&mut tx, &here).await?;
    let from = memory.remembered.map(|database| database.to_string());
    let detail = serde_json::json!({ "original": memory.installation, "from": from, "id": fresh });
    let action = "installation.copied";
    audit::append(&mut tx, audit::Entry { actor, action, detail, ..Default::default() }).await?;
    tx.commit().await?;
    let fresh = InstallationId::parse(&fresh).map_err(unreadable)?;
    Ok(Some((memory.installation, fresh)))
}

/// Writes the name of a tenant's new role, and says whether `schema` is a tenant's at all.
pub async fn give_role(
    conn: &mut PgConnection,
    tenant: TenantId,
    schema: &SchemaName,
    role: &RoleName,
) -> sqlx::Result<bool> {
    let given = sqlx::query!(
        "update tenantry.tenants set role_name = $3, login_issued_at = null
         where id = $1 and schema_name = $2 and state not in ('deleted', 'released')",
        tenant.get(),
        schema.as_str(),
        role.as_str(),
    )
    .execute(conn)
    .await?;
    Ok(given.rows_affected() == 1)
}

/// The schemas of the copy are its own by now: so are the names of all roles, and processes may work
/// here. Spares are forgotten. Commit it at once.
pub async fn end_copy(
    conn: &mut PgConnection,
    original: &InstallationId,
    heir: &InstallationId,
    actor: &str,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update tenantry.tenants
         set role_name = format('tn_%s_%s', $2::text, id), login_issued_at = null
         where role_name = format('tn_%s_%s', $1::text, id)",
        original.as_str(),
        heir.as_str(),
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!("delete from tenantry.spares").execute(&mut *conn).await?;
    sqlx::query!("update tenantry.installation set adopted_from = null")
        .execute(&mut *conn)
        .await?;
    let detail = serde_json::json!({ "original": original, "id": heir });
    let action = "installation.adopted";
    audit::append(conn, audit::Entry { actor, action, detail, ..Default::default() }).await
}
