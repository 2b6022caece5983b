//! Adds the same audit row for many tenants at once.

use domain::TenantId;
use sqlx::PgConnection;

use super::Entry;

/// Records `entry` once for each of `tenants`, in one statement.
pub async fn append_for_tenants(
    conn: &mut PgConnection,
    entry: Entry<'_>,
    tenants: &[TenantId],
) -> sqlx::Result<()> {
    let ids: Vec<i64> = tenants.iter().map(|id| id.get()).collect();
    sqlx::query!(
        "insert into tenantry.audit_log
             (actor, action, tenant_id, operation_id, request_id, address, detail)
         select $1, $2, id, $3, $4, $5, coalesce($6, '{}'::jsonb) from unnest($7::bigint[]) as id",
        entry.actor,
        entry.action,
        entry.operation.map(domain::OperationId::get),
        entry.request_id,
        entry.address,
        (!entry.detail.is_null()).then_some(entry.detail),
        &ids,
    )
    .execute(conn)
    .await?;
    Ok(())
}
