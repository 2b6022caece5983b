//! Finds items that nobody works on: those whose owner forgot them, and those whose wake-up was lost.

use std::time::Duration;

use domain::{ItemId, Kind};
use sqlx::PgConnection;

use crate::decode::with_kind;

/// An item that is recorded as being worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owned {
    pub item: ItemId,
    /// The claim token it is owned under.
    pub attempt: i32,
}

/// Every item recorded as being worked on by `worker`, and every one by a worker that has signed
/// off or was declared dead: nobody works on those, and their jobs may be used up.
pub async fn owned_by(conn: &mut PgConnection, worker: &str) -> sqlx::Result<Vec<Owned>> {
    sqlx::query!(
        "select i.id, i.attempt from tenantry.operation_items i
         where i.state in ('running', 'unwinding')
           and (i.worker_id = $1 or exists (
               select from tenantry.workers w
               where w.id = i.worker_id and w.stopped_at is not null))",
        worker,
    )
    .map(|row| Owned { item: ItemId::new(row.id), attempt: row.attempt })
    .fetch_all(conn)
    .await
}

/// Gives owned items back: `running → retrying`; one that unwinds stays so, without an owner.
/// Returns those that have not moved on, with their kinds; the caller wakes workers for them in the same transaction.
pub async fn give_back(
    conn: &mut PgConnection,
    owned: &[Owned],
) -> sqlx::Result<Vec<(ItemId, Kind)>> {
    let (items, attempts): (Vec<i64>, Vec<i32>) =
        owned.iter().map(|owned| (owned.item.get(), owned.attempt)).unzip();
    sqlx::query!(
        r#"with held as (
             select i.id from tenantry.operation_items i
             join unnest($1::bigint[], $2::int[]) as owned (id, attempt)
                  on owned.id = i.id and owned.attempt = i.attempt
             where i.state || '' in ('running', 'unwinding') -- found by id
             -- one order for all: see claim.sql
             order by i.id for update of i
         )
         update tenantry.operation_items i
         set state = case i.state when 'unwinding' then 'unwinding' else 'retrying' end,
             worker_id = null, next_attempt_at = clock_timestamp()
         from held
         where i.id = held.id and i.state || '' in ('running', 'unwinding')
         returning i.id, (select b.kind from tenantry.operations b where b.id = i.operation_id) as "kind!""#,
        &items,
        &attempts,
    )
    .try_map(|row| with_kind(row.id, &row.kind))
    .fetch_all(conn)
    .await
}

/// Items after `after`, in order of id and at most `limit`, that have waited for `age` or longer
/// for a worker, and should not: neither they nor the whole queue are paused, their time has come, a worker
/// has their set of migrations, and none holds the tenant that they wait for.
pub async fn waiting_since(
    conn: &mut PgConnection,
    after: ItemId,
    age: Duration,
    limit: i64,
) -> sqlx::Result<Vec<ItemId>> {
    sqlx::query!(
        "select i.id from tenantry.operation_items i
         join tenantry.operations b on b.id = i.operation_id
         where i.id > $1 and i.state in ('queued', 'waiting', 'retrying', 'unwinding')
           and (i.state <> 'waiting' or not exists (
               select from tenantry.operation_items h
               where h.tenant_id = i.tenant_id and (h.interrupts or not i.interrupts)
                 and h.state in ('running', 'retrying', 'unwinding', 'built', 'undo_failed', 'stuck')))
           and i.worker_id is null and b.paused_at is null and b.run_at is null
           -- it waits for a worker with its set of migrations, which wakes it when it comes
           and (b.cancel_requested_at is not null or b.params ->> 'set' is null or exists (
               select from tenantry.workers w
               where w.stopped_at is null and w.set_hash = b.params ->> 'set'))
           and not exists (select from tenantry.installation where paused_at is not null)
           and coalesce(i.next_attempt_at, i.created_at)
               < clock_timestamp() - make_interval(secs => $2)
         order by i.id limit $3",
        after.get(),
        age.as_secs_f64(),
        limit,
    )
    .map(|row| ItemId::new(row.id))
    .fetch_all(conn)
    .await
}

/// Those of `items` that still wait and that no other process holds, with their kinds; their rows stay locked until the
/// transaction ends.
pub async fn hold_waiting(
    conn: &mut PgConnection,
    items: &[ItemId],
) -> sqlx::Result<Vec<(ItemId, Kind)>> {
    let ids: Vec<i64> = items.iter().map(|item| item.get()).collect();
    sqlx::query!(
        "select i.id, b.kind from tenantry.operation_items i
         join tenantry.operations b on b.id = i.operation_id
         where i.id = any($1) and i.worker_id is null
           and i.state || '' in ('queued', 'waiting', 'retrying', 'unwinding') -- found by id
         order by i.id for update of i skip locked",
        &ids,
    )
    .try_map(|row| with_kind(row.id, &row.kind))
    .fetch_all(conn)
    .await
}
