//! Makes a tenant visible.

use domain::{OperationId, TenantId};
use serde_json::Value;
use sqlx::PgConnection;

/// A tenant to be made visible, and what the audit log says of it.
#[derive(Debug)]
pub struct Activation {
    pub tenant: TenantId,
    /// The operation in which it happens.
    pub operation: OperationId,
    pub detail: Value,
}

/// `pending → active` for all of `tenants`, and the audit rows of it, by `actor`: one statement. Says how many were pending; of the others nothing is
/// changed or recorded.
pub async fn activate(
    conn: &mut PgConnection,
    tenants: &[Activation],
    actor: &str,
) -> sqlx::Result<u64> {
    let ids: Vec<i64> = tenants.iter().map(|activation| activation.tenant.get()).collect();
    let operations: Vec<_> = tenants.iter().map(|activation| activation.operation.get()).collect();
    let details: Vec<Value> = tenants.iter().map(|activation| activation.detail.clone()).collect();
    let done = sqlx::query!(
        "with activated as (
             update tenantry.tenants t
             set state = 'active', activated_at = clock_timestamp(),
                 updated_at = clock_timestamp()
             from unnest($1::bigint[], $3::uuid[], $4::jsonb[]) as a (tenant, operation, detail)
             -- found by id: the index by state holds all that wait
             where t.id = a.tenant and t.state || '' = 'pending'
             returning t.id, a.operation, a.detail
         )
         insert into tenantry.audit_log (actor, action, tenant_id, operation_id, detail)
         select $2, 'tenant.activated', id, operation, detail from activated",
        &ids,
        actor,
        &operations,
        &details,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// `active → pending`: the undo of [`activate`]; nothing happens when it was not active.
pub async fn deactivate(conn: &mut PgConnection, tenant: TenantId) -> sqlx::Result<()> {
    sqlx::query!(
        "update tenantry.tenants
         set state = 'pending', activated_at = null, updated_at = clock_timestamp()
         where id = $1 and state = 'active'",
        tenant.get(),
    )
    .execute(conn)
    .await?;
    Ok(())
}
