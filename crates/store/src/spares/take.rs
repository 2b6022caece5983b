//! Takes spares for tenants.

use domain::TenantId;
use sqlx::PgConnection;

/// Takes at most `most` spares that bear `stamp`, the oldest first, passing over those that other
/// transactions are taking. They are the caller's once its transaction commits. One statement.
///
/// # Errors
/// When the statement fails.
pub async fn take(
    conn: &mut PgConnection,
    stamp: &str,
    most: usize,
) -> sqlx::Result<Vec<TenantId>> {
    let ids = sqlx::query_scalar!(
        "with picked as materialized (
             select id from tenantry.spares where stamp = $1
             order by id limit $2 for update skip locked
         )
         delete from tenantry.spares s using picked where s.id = picked.id
         returning s.id",
        stamp,
        i64::try_from(most).unwrap_or(i64::MAX),
    )
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(TenantId::new).collect())
}
