//! Finds items whose wake-up may have been lost.

use std::time::Duration;

use domain::ItemId;
use sqlx::PgConnection;

/// An item that waits for a worker, and the job that should bring one.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// The item.
    pub item: ItemId,
    /// Its latest job; `None` when it never had one.
    pub job: Option<String>,
}

/// Items after `after`, in order of id and at most `limit`, that have waited for `age` or longer
/// for a worker, and should not: neither they nor the whole queue are paused, and their time has
/// come.
///
/// # Errors
/// When the statement fails.
pub async fn waiting_since(
    conn: &mut PgConnection,
    after: ItemId,
    age: Duration,
    limit: i64,
) -> sqlx::Result<Vec<Waiting>> {
    let rows = sqlx::query!(
        "select i.id, i.job_id from tenantry.operation_items i
         join tenantry.operations b on b.id = i.operation_id
         where i.id > $1 and i.state in ('queued', 'retrying', 'unwinding')
           and i.worker_id is null and b.paused_at is null and b.run_at is null
           and not exists (select from tenantry.installation where paused_at is not null)
           and coalesce(i.next_attempt_at, i.created_at)
               < clock_timestamp() - make_interval(secs => $2)
         order by i.id limit $3",
        after.get(),
        age.as_secs_f64(),
        limit,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|r| Waiting { item: ItemId::new(r.id), job: r.job_id }).collect())
}

/// Records `new` as the job of a waiting item that had `old`. False when the item has moved on.
///
/// # Errors
/// When the statement fails.
pub async fn replace_job(
    conn: &mut PgConnection,
    waiting: &Waiting,
    new: &str,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "update tenantry.operation_items set job_id = $3
         where id = $1 and job_id is not distinct from $2
           and state in ('queued', 'retrying', 'unwinding') and worker_id is null",
        waiting.item.get(),
        waiting.job,
        new,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}
