//! The queue: a live job brings a worker to each waiting item, and the item of each live job is open.
//!
//! A job outlives its item for a moment by right: it is acknowledged after the item's end. All that
//! gives or ends jobs stands here.

use std::{collections::HashMap, time::Duration};

use domain::{ItemId, OperationId, TenantId};
use serde_json::json;
use sqlx::{PgConnection, Row, types::Uuid};
use store::{audit::Entry, items::Owned};

use crate::{
    Kind, Subject,
    pages::Pages,
    repair::{Repair, Repaired, Stop},
    report::Gatherer,
};

/// Items or jobs read at a time.
const PAGE: i64 = 1_000;

/// Items of paused operations, of a paused queue and of operations whose time has not come wait by right.
const WAITING: &str = "
    select i.id, i.state
    from tenantry.operation_items i
    join tenantry.operations b on b.id = i.operation_id
    where i.id > $1 and i.state in ('queued', 'waiting', 'retrying', 'unwinding')
      and (i.state <> 'waiting' or not exists (
          select from tenantry.operation_items h
          where h.tenant_id = i.tenant_id
            and h.state in ('running', 'retrying', 'unwinding', 'built', 'undo_failed', 'stuck')))
      and i.worker_id is null and b.paused_at is null
      -- a worker with its set of migrations wakes it when it comes
      and (b.cancel_requested_at is not null or b.params ->> 'set' is null or exists (
               select from tenantry.workers w
               where w.stopped_at is null and w.set_hash = b.params ->> 'set'))
      and not exists (select from tenantry.installation where paused_at is not null)
      and greatest(coalesce(i.next_attempt_at, i.created_at), b.run_at)
          < now() - make_interval(secs => $2)
    order by i.id limit $3";

/// Alive as `queue::without_live_job` says.
const LIVE: &str = "
    select id, job from apalis.jobs
    where job_type = any($4) and id > $1
      and (status = 'Pending' or (status = 'Failed' and attempts < max_attempts)
           or (status in ('Queued', 'Running') and done_at is null))
      and greatest(run_at, lock_at) < now() - make_interval(secs => $2)
    order by id limit $3";

/// Finds waiting items without a live job, and live jobs without an open item.
pub(crate) async fn walk(conn: &mut PgConnection, gatherer: &mut Gatherer<'_>) -> sqlx::Result<()> {
    if gatherer.scope.wants(Kind::ItemWithoutJob) {
        waiting_items(conn, gatherer).await?;
    }
    if gatherer.scope.wants(Kind::JobWithoutItem) {
        live_jobs(conn, gatherer).await?;
    }
    Ok(())
}

async fn waiting_items(conn: &mut PgConnection, gatherer: &mut Gatherer<'_>) -> sqlx::Result<()> {
    let grace = gatherer.scope.grace.as_secs_f64();
    let mut pages = Pages(i64::MIN);
    let page = |after| sqlx::query(WAITING).bind(after).bind(grace).bind(PAGE);
    while let Some(rows) = pages.next(conn, page).await? {
        let items: Vec<ItemId> =
            rows.iter().map(|row| row.try_get(0).map(ItemId::new)).collect::<sqlx::Result<_>>()?;
        let without = queue::without_live_job(conn, &items).await?;
        for (row, id) in rows.iter().zip(items).filter(|(_, id)| without.contains(id)) {
            let state: &str = row.try_get(1)?;
            let sentence = format!("item {id} is {state} and has no live job");
            gatherer.add(Kind::ItemWithoutJob, Subject::Item(id), sentence, true);
        }
    }
    Ok(())
}

async fn live_jobs(conn: &mut PgConnection, gatherer: &mut Gatherer<'_>) -> sqlx::Result<()> {
    let grace = gatherer.scope.grace.as_secs_f64();
    let mut pages = Pages(String::new());
    let page =
        |after: String| sqlx::query(LIVE).bind(after).bind(grace).bind(PAGE).bind(queue::QUEUES);
    while let Some(rows) = pages.next(conn, page).await? {
        let mut jobs: Vec<(String, Option<ItemId>)> = Vec::with_capacity(rows.len());
        for row in &rows {
            jobs.push((row.try_get(0)?, item_in(row.try_get(1)?)));
        }
        let states = states(conn, jobs.iter().filter_map(|(_, item)| *item)).await?;
        gatherer.report.checked.jobs += jobs.len() as i64;
        for (job, item) in jobs {
            let state = item.and_then(|item| states.get(&item));
            let told = match (item, state) {
                (None, _) => "its payload cannot be read".to_owned(),
                (Some(item), None) => format!("its item {item} does not exist"),
                (Some(item), Some(state)) if ended(state) => format!("its item {item} is {state}"),
                _ => continue,
            };
            let sentence = format!("job {job} is alive and {told}");
            gatherer.add(Kind::JobWithoutItem, Subject::Job(job), sentence, true);
        }
    }
    Ok(())
}

/// Whether no worker has anything to do about an item in this state.
fn ended(state: &str) -> bool {
    matches!(state, "succeeded" | "failed" | "cancelled" | "rolled_back" | "undo_failed" | "stuck")
}

/// The item that a payload names.
fn item_in(payload: &[u8]) -> Option<ItemId> {
    let raw = serde_json::from_slice(payload).ok()?;
    queue::Job::read(raw).map(queue::Job::item)
}

async fn states(
    conn: &mut PgConnection,
    items: impl Iterator<Item = ItemId>,
) -> sqlx::Result<HashMap<ItemId, String>> {
    let rows: Vec<(i64, String)> =
        sqlx::query_as("select id, state from tenantry.operation_items where id = any($1)")
            .bind(items.map(ItemId::get).collect::<Vec<_>>())
            .fetch_all(conn)
            .await?;
    Ok(rows.into_iter().map(|(id, state)| (ItemId::new(id), state)).collect())
}

/// The columns of an item that the repairs need.
#[derive(sqlx::FromRow)]
struct Locked {
    operation_id: Uuid,
    tenant_id: Option<i64>,
    attempt: i32,
    worker_id: Option<String>,
}

impl Locked {
    /// The audit row with its tenant and operation.
    fn about<'a>(&self, entry: Entry<'a>) -> Entry<'a> {
        let operation = Some(OperationId::new(self.operation_id));
        Entry { tenant: self.tenant_id.map(TenantId::new), operation, ..entry }
    }
}

/// Takes an item from a dead worker. What is still under way finds its claim gone: the item is no
/// longer `running`.
pub(crate) async fn give_back<'a>(cx: &mut Repair<'a>, item: ItemId) -> Repaired<'a> {
    let locked: Option<Locked> = sqlx::query_as(
        "select i.operation_id, i.tenant_id, i.attempt, i.worker_id
         from tenantry.operation_items i
         where i.id = $1
           and (i.state = 'running' or (i.state = 'unwinding' and i.worker_id is not null))
           and not exists (
               select from tenantry.workers w
               where w.id = i.worker_id and w.stopped_at is null
                 and w.seen_at > clock_timestamp() - make_interval(secs => $2))
         for update",
    )
    .bind(item.get())
    .bind(cx.scope.dead_after.as_secs_f64())
    .fetch_optional(&mut *cx.conn)
    .await?;
    let locked = locked.ok_or(Stop::Gone)?;
    let owned = [Owned { item, attempt: locked.attempt }];
    let given_back = store::items::give_back(cx.conn, &owned).await?;
    if given_back.is_empty() {
        return Err(Stop::Gone);
    }
    queue::wake(cx.conn, &given_back, Duration::ZERO).await?;
    let detail = json!({ "item": item, "worker": locked.worker_id });
    Ok(locked.about(cx.did("item.given_back", detail)))
}

/// Gives a waiting item a new job, unless it has moved on, or a job of it is alive after all.
pub(crate) async fn renew<'a>(cx: &mut Repair<'a>, item: ItemId) -> Repaired<'a> {
    let locked: Option<Locked> = sqlx::query_as(
        "select operation_id, tenant_id, attempt, worker_id from tenantry.operation_items
         where id = $1 and state in ('queued', 'waiting', 'retrying', 'unwinding') and worker_id is null
         for update",
    )
    .bind(item.get())
    .fetch_optional(&mut *cx.conn)
    .await?;
    let locked = locked.ok_or(Stop::Gone)?;
    if queue::without_live_job(cx.conn, &[item]).await?.is_empty() {
        return Err(Stop::Gone);
    }
    let kind = store::operations::kind(cx.conn, OperationId::new(locked.operation_id)).await?;
    queue::wake(cx.conn, &[(item, kind.ok_or(Stop::Gone)?)], Duration::ZERO).await?;
    Ok(locked.about(cx.did("item.requeued", json!({ "item": item }))))
}

/// Ends a job, unless its item is open. A worker that holds the job finds nothing to do, and its
/// acknowledgement changes a word in the queue's history.
pub(crate) async fn kill<'a>(cx: &mut Repair<'a>, job: &str) -> Repaired<'a> {
    let payload: Option<Vec<u8>> = sqlx::query_scalar(
        "select job from apalis.jobs where id = $1 and job_type = any($2) for update",
    )
    .bind(job)
    .bind(queue::QUEUES)
    .fetch_optional(&mut *cx.conn)
    .await?;
    let item = item_in(&payload.ok_or(Stop::Gone)?);
    if let Some(item) = item {
        let state: Option<String> = sqlx::query_scalar(
            "select state from tenantry.operation_items where id = $1 for update",
        )
        .bind(item.get())
        .fetch_optional(&mut *cx.conn)
        .await?;
        if state.is_some_and(|state| !ended(&state)) {
            return Err(Stop::Gone);
        }
    }
    let killed = sqlx::query(
        "update apalis.jobs set status = 'Killed', done_at = now()
         where id = $1 and (status = 'Pending' or (status = 'Failed' and attempts < max_attempts)
                            or (status in ('Queued', 'Running') and done_at is null))",
    )
    .bind(job)
    .execute(&mut *cx.conn)
    .await?;
    if killed.rows_affected() == 0 {
        return Err(Stop::Gone);
    }
    Ok(cx.did("job.killed", json!({ "job": job, "item": item })))
}
