//! What an item came to, as its kind says.

use domain::ItemId;
use serde_json::Value;
use sqlx::PgConnection;

use super::Claim;

/// What the stages of `item` noted so far.
///
/// # Errors
/// When the row cannot be read.
pub async fn result(conn: &mut PgConnection, item: ItemId) -> sqlx::Result<Option<Value>> {
    let result = sqlx::query_scalar!(
        "select result from tenantry.operation_items where id = $1",
        item.get(),
    );
    Ok(result.fetch_optional(conn).await?.flatten())
}

/// Records the result in the stage's transaction, whose last statement checks the claim.
///
/// # Errors
/// When the row cannot be written.
pub async fn set_result(
    conn: &mut PgConnection,
    claim: &Claim,
    result: &Value,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update tenantry.operation_items set result = $3 where id = $1 and attempt = $2",
        claim.item.get(),
        claim.attempt,
        result,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Records what a claimed item came to and that its tenant was changed by it: `action` in the audit log, with
/// the result as its detail. One statement.
///
/// # Errors
/// When the statement fails.
pub async fn set_change(
    conn: &mut PgConnection,
    claim: &Claim,
    result: &Value,
    action: &str,
) -> sqlx::Result<()> {
    sqlx::query!(
        "with item as (
             update tenantry.operation_items set result = $3 where id = $1 and attempt = $2
         ), tenant as (
             update tenantry.tenants set updated_at = clock_timestamp()
             where id = $4 and state not in ('deleted', 'released')
         )
         insert into tenantry.audit_log (actor, action, tenant_id, operation_id, detail)
         values ('worker:' || $5, $6, $4, $7, $3)",
        claim.item.get(),
        claim.attempt,
        result,
        claim.tenant.id.get(),
        claim.worker,
        action,
        claim.operation.get(),
    )
    .execute(conn)
    .await?;
    Ok(())
}
