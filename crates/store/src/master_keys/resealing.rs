//! Sealed secrets one by one, to seal them with another master key.

use domain::TenantId;
use sqlx::PgConnection;

/// A sealed secret and whose it is.
#[derive(Debug, Clone)]
pub struct SealedSecret {
    pub id: i64,
    /// The tenant that it is sealed for.
    pub tenant: TenantId,
    /// The secret, sealed.
    pub sealed: Vec<u8>,
}

/// Up to `limit` sealed secrets with rows after `after`, oldest first.
pub async fn sealed_after(
    conn: &mut PgConnection,
    after: i64,
    limit: i64,
) -> sqlx::Result<Vec<SealedSecret>> {
    sqlx::query!(
        r#"select id, tenant_id, sealed as "sealed!" from tenantry.api_keys
           where sealed is not null and id > $1 order by id limit $2"#,
        after,
        limit,
    )
    .map(|row| SealedSecret {
        id: row.id,
        tenant: TenantId::new(row.tenant_id),
        sealed: row.sealed,
    })
    .fetch_all(conn)
    .await
}

/// The newest sealed secrets, at most `limit`.
pub(super) async fn newest(conn: &mut PgConnection, limit: i64) -> sqlx::Result<Vec<SealedSecret>> {
    sqlx::query!(
        r#"select id, tenant_id, sealed as "sealed!" from tenantry.api_keys
           where sealed is not null order by sealed_until desc limit $1"#,
        limit,
    )
    .map(|row| SealedSecret {
        id: row.id,
        tenant: TenantId::new(row.tenant_id),
        sealed: row.sealed,
    })
    .fetch_all(conn)
    .await
}

/// Puts `anew` in the place of what was read. Changes nothing when the secret is acknowledged by now.
pub async fn reseal(conn: &mut PgConnection, read: &SealedSecret, anew: &[u8]) -> sqlx::Result<()> {
    sqlx::query!(
        "update tenantry.api_keys set sealed = $3 where id = $1 and sealed = $2",
        read.id,
        &read.sealed,
        anew,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Erases a secret that no master key opens. The API key stays valid.
pub async fn erase(conn: &mut PgConnection, read: &SealedSecret) -> sqlx::Result<()> {
    sqlx::query!(
        "update tenantry.api_keys set sealed = null, sealed_until = null
         where id = $1 and sealed = $2",
        read.id,
        &read.sealed,
    )
    .execute(conn)
    .await?;
    Ok(())
}
