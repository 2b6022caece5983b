//! Announces a worker process.

use domain::Kind;
use sqlx::PgConnection;

use crate::items::Claimant;

/// Records a process that starts; the worker's id is fresh for every start.
pub async fn register(
    conn: &mut PgConnection,
    worker: &Claimant<'_>,
    host: &str,
    pid: u32,
    version: &str,
) -> sqlx::Result<()> {
    let kinds: Vec<&str> = worker.kinds.iter().copied().map(Kind::as_str).collect();
    sqlx::query!(
        "insert into tenantry.workers (id, host, pid, version, kinds, set_hash)
         values ($1, $2, $3, $4, $5, $6)",
        worker.worker,
        host,
        i32::try_from(pid).unwrap_or_default(),
        version,
        &kinds as &[&str],
        worker.set,
    )
    .execute(conn)
    .await?;
    Ok(())
}
