//! Gives an item whose wake-up was lost a new one.

use std::time::Duration;

use domain::ItemId;
use queue::{Bell, JobId};
use store::{Connections, items::Waiting};
use tracing::info;

use super::SweepError;

/// Items looked at in one go.
const PAGE: i64 = 1_000;

/// Looks at every item that has waited for `age` or longer, and gives those without a live job a
/// new one. Returns how many.
pub(crate) async fn revive_stranded(pool: &Connections, age: Duration) -> Result<u64, SweepError> {
    let mut after = ItemId::new(0);
    let mut revived = 0;
    loop {
        let mut conn = pool.acquire().await?;
        let page = store::items::waiting_since(&mut conn, after, age, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.item;
        let jobs: Vec<String> = page.iter().filter_map(|waiting| waiting.job.clone()).collect();
        let live = queue::live_jobs(&mut conn, &jobs).await?;
        drop(conn);
        for stranded in page.iter().filter(|waiting| !is_live(waiting, &live)) {
            revived += u64::from(revive(pool, stranded).await?);
        }
    }
    if revived > 0 {
        queue::ring(pool, Bell::Jobs).await;
    }
    Ok(revived)
}

fn is_live(waiting: &Waiting, live: &std::collections::HashSet<JobId>) -> bool {
    waiting.job.as_deref().and_then(JobId::parse).is_some_and(|job| live.contains(&job))
}

async fn revive(pool: &Connections, stranded: &Waiting) -> Result<bool, SweepError> {
    let job = JobId::mint();
    let mut tx = pool.begin().await?;
    if !store::items::replace_job(&mut tx, stranded, &job.to_string()).await? {
        return Ok(false);
    }
    queue::enqueue(&mut tx, &[(stranded.item, job)], Duration::ZERO).await?;
    tx.commit().await?;
    info!(item.id = %stranded.item, "item {} had lost its job; gave it a new one", stranded.item);
    Ok(true)
}
