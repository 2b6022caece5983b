//! Forgets keys whose time is over.

use sqlx::PgConnection;

/// Forgets keys older than `days`, at most `limit`, and says how many.
pub async fn forget_expired(conn: &mut PgConnection, days: i32, limit: i64) -> sqlx::Result<i64> {
    let gone = sqlx::query!(
        "delete from tenantry.idempotency_keys where (caller, key) in (
             select caller, key from tenantry.idempotency_keys
             where created_at < now() - make_interval(days => $1)
             order by created_at limit $2)",
        days,
        limit,
    )
    .execute(conn)
    .await?;
    Ok(i64::try_from(gone.rows_affected()).unwrap_or(i64::MAX))
}
