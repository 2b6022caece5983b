//! Announces a worker process.

use sqlx::PgConnection;

/// Records a process that starts; `id` is fresh for every start.
///
/// # Errors
/// When the statement fails.
pub async fn register(
    conn: &mut PgConnection,
    id: &str,
    host: &str,
    pid: u32,
    version: &str,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into tenantry.workers (id, host, pid, version) values ($1, $2, $3, $4)",
        id,
        host,
        i32::try_from(pid).unwrap_or_default(),
        version,
    )
    .execute(conn)
    .await?;
    Ok(())
}
