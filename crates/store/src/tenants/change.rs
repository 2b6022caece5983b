//! Changes tenants that are there.

use domain::{OperationId, RoleName, SchemaName, TenantId};
use serde_json::Value;
use sqlx::PgConnection;

use crate::decode::unreadable;

/// A tenant to be made visible, and what the audit log says of it.
#[derive(Debug)]
pub struct Activation {
    pub tenant: TenantId,
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

/// What a login leads to.
#[derive(Debug, Clone)]
pub struct IssuedLogin {
    pub role: RoleName,
    /// The schema that it finds first.
    pub schema: SchemaName,
}

/// Records that the active tenant `id` gets a login; with `anew` also one that had one before. `None`
/// for all others.
pub async fn issue_login(
    conn: &mut PgConnection,
    id: TenantId,
    anew: bool,
) -> sqlx::Result<Option<IssuedLogin>> {
    sqlx::query!(
        "update tenantry.tenants
         set login_issued_at = clock_timestamp(), updated_at = clock_timestamp()
         where id = $1 and state = 'active' and ($2 or login_issued_at is null)
         returning role_name, schema_name",
        id.get(),
        anew,
    )
    .try_map(|row| {
        Ok(IssuedLogin {
            role: RoleName::parse(&row.role_name).map_err(unreadable)?,
            schema: SchemaName::from_registry(row.schema_name).map_err(unreadable)?,
        })
    })
    .fetch_optional(conn)
    .await
}

/// Sets the time of change of a tenant. False when it has ended.
pub async fn touch(conn: &mut PgConnection, tenant: TenantId) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "update tenantry.tenants set updated_at = clock_timestamp()
         where id = $1 and state not in ('deleted', 'released')",
        tenant.get(),
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}
