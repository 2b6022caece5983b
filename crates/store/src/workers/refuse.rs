//! A worker that cannot start.

use sqlx::PgConnection;

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
