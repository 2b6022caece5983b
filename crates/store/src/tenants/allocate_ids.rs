//! Takes ids for tenants that are about to be reserved.

use domain::TenantId;
use sqlx::PgConnection;

/// `n` fresh ids. Names are derived from them before the rows exist; unused ids leave gaps.
pub async fn allocate_ids(conn: &mut PgConnection, n: usize) -> sqlx::Result<Vec<TenantId>> {
    let ids = sqlx::query_scalar!(
        r#"select nextval(pg_get_serial_sequence('tenantry.tenants', 'id')) as "id!"
           from generate_series(1, $1)"#,
        i32::try_from(n).unwrap_or(i32::MAX),
    )
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(TenantId::new).collect())
}
