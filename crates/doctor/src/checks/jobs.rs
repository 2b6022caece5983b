//! Walks the live jobs: the item of each must be open.
//!
//! A job outlives its item for a moment by right: it is acknowledged after the item's end.

use std::collections::HashMap;

use domain::ItemId;
use sqlx::{PgConnection, Row, postgres::PgRow};

use crate::{Kind, Subject, report::Gatherer};

/// Jobs read at a time.
const PAGE: i64 = 1_000;

/// A live job and the item its payload names, if it can be read.
struct Live {
    job: String,
    item: Option<ItemId>,
}

/// Finds live jobs without an open item.
pub(crate) async fn walk(conn: &mut PgConnection, gatherer: &mut Gatherer<'_>) -> sqlx::Result<()> {
    if !gatherer.scope.wants(Kind::JobWithoutItem) {
        return Ok(());
    }
    let mut after = String::new();
    loop {
        let rows = page(conn, &after, gatherer.scope.grace.as_secs_f64()).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.try_get(0)?;
        let jobs = rows.iter().map(live).collect::<sqlx::Result<Vec<_>>>()?;
        let states = states(conn, &jobs).await?;
        gatherer.report.checked.jobs += jobs.len() as u64;
        for Live { job, item } in jobs {
            let state = item.and_then(|item| states.get(&item));
            let told = match (item, state.map(String::as_str)) {
                (None, _) => "its payload cannot be read".to_owned(),
                (Some(item), None) => format!("its item {item} does not exist"),
                (Some(item), Some(state)) if ended(state) => format!("its item {item} is {state}"),
                _ => continue,
            };
            let sentence = format!("job {job} is alive and {told}");
            gatherer.add(Kind::JobWithoutItem, Subject::Job(job), sentence, true);
        }
    }
}

/// Whether no worker has anything to do about an item in this state.
pub(crate) fn ended(state: &str) -> bool {
    matches!(state, "succeeded" | "failed" | "cancelled" | "rolled_back" | "undo_failed")
}

/// The item that a payload names.
pub(crate) fn item_in(payload: &[u8]) -> Option<ItemId> {
    let raw = serde_json::from_slice(payload).ok()?;
    queue::Job::read(raw).map(queue::Job::item)
}

/// Alive as `queue::without_live_job` says.
async fn page(conn: &mut PgConnection, after: &str, grace: f64) -> sqlx::Result<Vec<PgRow>> {
    sqlx::query(
        "select id, job from apalis.jobs
         where job_type = $1 and id > $2
           and (status = 'Pending' or (status = 'Failed' and attempts < max_attempts)
                or (status in ('Queued', 'Running') and done_at is null))
           and greatest(run_at, lock_at) < now() - make_interval(secs => $3)
         order by id limit $4",
    )
    .bind(queue::QUEUE_NAME)
    .bind(after)
    .bind(grace)
    .bind(PAGE)
    .fetch_all(conn)
    .await
}

fn live(row: &PgRow) -> sqlx::Result<Live> {
    Ok(Live { job: row.try_get(0)?, item: item_in(row.try_get(1)?) })
}

async fn states(conn: &mut PgConnection, jobs: &[Live]) -> sqlx::Result<HashMap<ItemId, String>> {
    let items: Vec<i64> = jobs.iter().filter_map(|live| live.item).map(ItemId::get).collect();
    let rows: Vec<(i64, String)> =
        sqlx::query_as("select id, state from tenantry.operation_items where id = any($1)")
            .bind(items)
            .fetch_all(conn)
            .await?;
    Ok(rows.into_iter().map(|(id, state)| (ItemId::new(id), state)).collect())
}
