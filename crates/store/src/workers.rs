//! Worker processes: who is alive, and why one could not start, and the migrations they have.

use std::time::Duration;

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

/// Says that `id` lives. False when it was declared dead in the meantime: its items may be
/// others' by now, and it must go on under a new id.
pub async fn beat(conn: &mut PgConnection, id: &str) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "update tenantry.workers set seen_at = clock_timestamp()
         where id = $1 and stopped_at is null",
        id,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Records that `id` has drained and stopped.
pub async fn retire(conn: &mut PgConnection, id: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "update tenantry.workers set stopped_at = clock_timestamp()
         where id = $1 and stopped_at is null",
        id,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Records why the process `id` cannot start. It counts as stopped; a later call replaces the
/// reason. Reasons older than a day are forgotten.
pub async fn refuse(
    conn: &mut PgConnection,
    id: &str,
    host: &str,
    pid: u32,
    version: &str,
    reason: &str,
) -> sqlx::Result<()> {
    sqlx::query!(
        "with forgotten as (
             delete from tenantry.workers
             where refused is not null and seen_at < clock_timestamp() - interval '1 day'
         )
         insert into tenantry.workers as w (id, host, pid, version, stopped_at, refused)
         values ($1, $2, $3, $4, clock_timestamp(), left($5, 2000))
         on conflict (id) do update
         set seen_at = clock_timestamp(), stopped_at = excluded.stopped_at,
             refused = excluded.refused",
        id,
        host,
        i32::try_from(pid).unwrap_or_default(),
        version,
        reason,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Marks every worker not seen for `dead_after` as stopped and returns them, each to one caller
/// only. Time is the database's.
pub async fn bury(conn: &mut PgConnection, dead_after: Duration) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        "update tenantry.workers set stopped_at = clock_timestamp()
         where stopped_at is null
           and seen_at < clock_timestamp() - make_interval(secs => $1)
         returning id",
        dead_after.as_secs_f64(),
    )
    .fetch_all(conn)
    .await
}

/// The hashes of the sets that live workers of `kind` have, each once; a worker that is silent for
/// `dead_after` does not count.
pub async fn live_sets(
    conn: &mut PgConnection,
    kind: Kind,
    dead_after: Duration,
) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        r#"select distinct set_hash as "set_hash!" from tenantry.workers
           where stopped_at is null and refused is null and set_hash is not null and $1 = any(kinds)
             and seen_at > clock_timestamp() - make_interval(secs => $2)
           order by 1"#,
        kind.as_str(),
        dead_after.as_secs_f64(),
    )
    .fetch_all(conn)
    .await
}

/// The versions of the set with this hash, in their order; `None` when no worker has registered it.
pub async fn set_versions(
    conn: &mut PgConnection,
    hash: &str,
) -> sqlx::Result<Option<Vec<String>>> {
    sqlx::query_scalar!("select versions from tenantry.migration_sets where hash = $1", hash)
        .fetch_optional(conn)
        .await
}
