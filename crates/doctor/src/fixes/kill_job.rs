//! Ends a job that has nothing to do.

use serde_json::json;
use sqlx::PgConnection;

use super::{Deed, Outcome};
use crate::{
    FixError,
    checks::jobs::{ended, item_in},
};

/// Unless its item is open. A worker that holds the job finds nothing to do, and its
/// acknowledgement changes a word in the queue's history.
pub(super) async fn run(conn: &mut PgConnection, job: &str) -> Result<Outcome, FixError> {
    let payload: Option<Vec<u8>> = sqlx::query_scalar(
        "select job from apalis.jobs where id = $1 and job_type = $2 for update",
    )
    .bind(job)
    .bind(queue::QUEUE_NAME)
    .fetch_optional(&mut *conn)
    .await?;
    let Some(payload) = payload else { return Ok(Outcome::Gone) };
    let item = item_in(&payload);
    if let Some(item) = item {
        let state: Option<String> = sqlx::query_scalar(
            "select state from tenantry.operation_items where id = $1 for update",
        )
        .bind(item.get())
        .fetch_optional(&mut *conn)
        .await?;
        if state.is_some_and(|state| !ended(&state)) {
            return Ok(Outcome::Gone);
        }
    }
    let killed = sqlx::query(
        "update apalis.jobs set status = 'Killed', done_at = now()
         where id = $1 and (status = 'Pending' or (status = 'Failed' and attempts < max_attempts)
                            or (status in ('Queued', 'Running') and done_at is null))",
    )
    .bind(job)
    .execute(conn)
    .await?;
    if killed.rows_affected() == 0 {
        return Ok(Outcome::Gone);
    }
    let detail = json!({ "job": job, "item": item });
    Ok(Outcome::Done(Deed { action: "job.killed", tenant: None, operation: None, detail }))
}
