//! Takes ids for spares that are about to be built.

use domain::TenantId;
use sqlx::PgConnection;

/// `n` fresh ids, none of them a tenant's. Unused ones leave gaps.
pub async fn allocate_ids(conn: &mut PgConnection, n: usize) -> sqlx::Result<Vec<TenantId>> {
    let ids = sqlx::query_scalar!(
        r#"select nextval('tenantry.spares_id_seq') as "id!" from generate_series(1, $1)"#,
        i32::try_from(n).unwrap_or(i32::MAX),
    )
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(TenantId::new).collect())
}
