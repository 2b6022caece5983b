//! Items that somebody owns and nobody works on.

use domain::ItemId;
use sqlx::PgConnection;

/// An item that is recorded as being worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owned {
    /// The item.
    pub item: ItemId,
    /// The claim token it is owned under.
    pub attempt: i32,
}

/// Every item recorded as being worked on by `worker`, and every one by a worker that has signed
/// off or was declared dead: nobody works on those, and their jobs may be used up.
///
/// # Errors
/// When the statement fails.
pub async fn owned_by(conn: &mut PgConnection, worker: &str) -> sqlx::Result<Vec<Owned>> {
    let rows = sqlx::query!(
        "select i.id, i.attempt from tenantry.operation_items i
         where i.state in ('running', 'unwinding')
           and (i.worker_id = $1 or exists (
               select from tenantry.workers w
               where w.id = i.worker_id and w.stopped_at is not null))",
        worker,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|r| Owned { item: ItemId::new(r.id), attempt: r.attempt }).collect())
}

/// Gives an owned item back: `running → retrying`, one that unwinds stays so without an
/// owner. The caller puts `job` into the queue in the same transaction. False when it moved on.
///
/// # Errors
/// When the statement fails.
pub async fn give_back(conn: &mut PgConnection, owned: Owned, job: &str) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "update tenantry.operation_items
         set state = case state when 'unwinding' then state else 'retrying' end,
             worker_id = null, job_id = $3, next_attempt_at = clock_timestamp()
         where id = $1 and attempt = $2 and state in ('running', 'unwinding')",
        owned.item.get(),
        owned.attempt,
        job,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}
