//! Reads the states of tenants.

use std::collections::HashMap;

use domain::{TenantId, TenantState};
use sqlx::PgConnection;

use crate::decode::decode;

/// The state of `tenant`, if there is such a tenant.
pub async fn state(conn: &mut PgConnection, tenant: TenantId) -> sqlx::Result<Option<TenantState>> {
    let state =
        sqlx::query_scalar!("select state from tenantry.tenants where id = $1", tenant.get())
            .fetch_optional(conn)
            .await?;
    state.as_deref().map(decode).transpose()
}

/// The states of those of `tenants` that there are.
pub async fn states(
    conn: &mut PgConnection,
    tenants: &[TenantId],
) -> sqlx::Result<HashMap<TenantId, TenantState>> {
    let ids: Vec<i64> = tenants.iter().map(|tenant| tenant.get()).collect();
    let rows = sqlx::query!("select id, state from tenantry.tenants where id = any($1)", &ids)
        .fetch_all(conn)
        .await?;
    rows.into_iter().map(|r| Ok((TenantId::new(r.id), decode(&r.state)?))).collect()
}
