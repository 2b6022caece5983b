//! The API keys of several tenants at once, by the tenant.

use std::{collections::HashMap, time::Duration};

use chrono::{DateTime, Utc};
use domain::{OperationId, TenantId};
use sqlx::PgConnection;

/// Has every live key of `tenants` expire after `overlap`, if it would live longer; says which those are.
pub async fn expire(
    conn: &mut PgConnection,
    tenants: &[TenantId],
    overlap: Duration,
) -> sqlx::Result<HashMap<TenantId, Vec<i64>>> {
    let rows = sqlx::query!(
        "update tenantry.api_keys
         set expires_at = least(expires_at, clock_timestamp() + make_interval(secs => $2))
         where tenant_id = any($1::bigint[]) and revoked_at is null
           and (expires_at is null or expires_at > clock_timestamp())
         returning tenant_id, id",
        &ids(tenants),
        overlap.as_secs_f64(),
    )
    .map(|row| (row.tenant_id, row.id))
    .fetch_all(conn)
    .await?;
    Ok(by_tenant(rows))
}

/// The key that `operation` issued to each of `tenants`.
pub async fn issued_in(
    conn: &mut PgConnection,
    operation: OperationId,
    tenants: &[TenantId],
) -> sqlx::Result<HashMap<TenantId, i64>> {
    let rows = sqlx::query!(
        "select tenant_id, id from tenantry.api_keys
         where operation_id = $1 and tenant_id = any($2::bigint[])",
        operation.get(),
        &ids(tenants),
    )
    .map(|row| (TenantId::new(row.tenant_id), row.id))
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().collect())
}

/// Revokes the live keys of `tenants` that were issued before `operation` was asked for, and before that moment if
/// there is one; says which those are. What is sealed of them is erased.
pub async fn revoke_of(
    conn: &mut PgConnection,
    operation: OperationId,
    tenants: &[TenantId],
    before: Option<DateTime<Utc>>,
) -> sqlx::Result<HashMap<TenantId, Vec<i64>>> {
    let rows = sqlx::query!(
        "update tenantry.api_keys k
         set revoked_at = clock_timestamp(), sealed = null, sealed_until = null
         where k.tenant_id = any($2::bigint[]) and k.revoked_at is null
           and (k.expires_at is null or k.expires_at > clock_timestamp())
           and k.created_at < least((select o.created_at from tenantry.operations o where o.id = $1), $3)
         returning k.tenant_id, k.id",
        operation.get(),
        &ids(tenants),
        before,
    )
    .map(|row| (row.tenant_id, row.id))
    .fetch_all(conn)
    .await?;
    Ok(by_tenant(rows))
}

fn ids(tenants: &[TenantId]) -> Vec<i64> {
    tenants.iter().map(|tenant| tenant.get()).collect()
}

/// In the order of their ids.
fn by_tenant(mut rows: Vec<(i64, i64)>) -> HashMap<TenantId, Vec<i64>> {
    rows.sort_unstable();
    let mut keys: HashMap<TenantId, Vec<i64>> = HashMap::new();
    for (tenant, key) in rows {
        keys.entry(TenantId::new(tenant)).or_default().push(key);
    }
    keys
}
