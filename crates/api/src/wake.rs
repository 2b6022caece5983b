//! Gives items that wait for a worker new jobs: theirs may have met a pause and be used up.

use std::time::Duration;

use domain::ItemId;
use queue::JobId;
use sqlx::PgConnection;
use store::{
    items::{self, Waiters},
    operations,
};

use crate::problem::Problem;

/// Items that get their jobs in one go: the same few statements for all of them.
pub(crate) const PAGE: i64 = 10_000;

/// Gives every item of `of` that waits a new job; says how many. One that still had its old job
/// has two then, and the later one finds nothing to do.
///
/// # Errors
/// 503 when the database does not answer.
pub(crate) async fn wake(conn: &mut PgConnection, of: Waiters) -> Result<u64, Problem> {
    let (mut after, mut woken) = (ItemId::new(0), 0);
    let ahead = match of {
        Waiters::Operation(batch) => operations::ahead(conn, batch).await?,
        Waiters::Queue => 0,
    };
    loop {
        let page = items::waiting(conn, of, after, PAGE).await?;
        let Some(last) = page.last().copied() else { return Ok(woken) };
        after = last;
        let jobs: Vec<(ItemId, JobId)> =
            page.into_iter().map(|item| (item, JobId::mint())).collect();
        woken += put(conn, &jobs, ahead).await?;
    }
}

async fn put(
    conn: &mut PgConnection,
    jobs: &[(ItemId, JobId)],
    ahead: u32,
) -> Result<u64, Problem> {
    let named: Vec<(ItemId, String)> =
        jobs.iter().map(|(item, job)| (*item, job.to_string())).collect();
    let given = items::give_jobs(conn, &named).await?;
    let given: std::collections::HashSet<ItemId> = given.into_iter().collect();
    let jobs: Vec<(ItemId, JobId)> =
        jobs.iter().filter(|(item, _)| given.contains(item)).copied().collect();
    queue::enqueue_behind(conn, &jobs, Duration::ZERO, ahead).await?;
    Ok(u64::try_from(jobs.len()).unwrap_or(u64::MAX))
}
