//! Erases secrets that nobody fetched in time.

use sqlx::PgConnection;

/// Erases every sealed secret past its time, at most 1,000, and says how many.
pub async fn erase_expired(conn: &mut PgConnection) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "update tenantry.api_keys set sealed = null, sealed_until = null
         where id in (select id from tenantry.api_keys
                      where sealed is not null and sealed_until < clock_timestamp() limit 1000)",
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
