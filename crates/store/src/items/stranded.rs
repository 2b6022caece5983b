//! Finds items whose wake-up may have been lost.

use std::time::Duration;

use domain::{ItemId, Kind};
use sqlx::PgConnection;

use crate::decode::with_kind;

/// Items after `after`, in order of id and at most `limit`, that have waited for `age` or longer
/// for a worker, and should not: neither they nor the whole queue are paused, their time has come, and
/// none holds the tenant that they wait for.
pub async fn waiting_since(
    conn: &mut PgConnection,
    after: ItemId,
    age: Duration,
    limit: i64,
) -> sqlx::Result<Vec<ItemId>> {
    let ids = sqlx::query_scalar!(
        "select i.id from tenantry.operation_items i
         join tenantry.operations b on b.id = i.operation_id
         where i.id > $1 and i.state in ('queued', 'waiting', 'retrying', 'unwinding')
           and (i.state <> 'waiting' or not exists (
               select from tenantry.operation_items h
               where h.tenant_id = i.tenant_id and h.state in ('running', 'retrying', 'unwinding', 'built', 'undo_failed', 'stuck')))
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
    Ok(ids.into_iter().map(ItemId::new).collect())
}

/// Those of `items` that still wait and that no other process holds, with their kinds; their rows stay locked until the
/// transaction ends.
pub async fn hold_waiting(
    conn: &mut PgConnection,
    items: &[ItemId],
) -> sqlx::Result<Vec<(ItemId, Kind)>> {
    let ids: Vec<i64> = items.iter().map(|item| item.get()).collect();
    let held = sqlx::query!(
        "select i.id, b.kind from tenantry.operation_items i
         join tenantry.operations b on b.id = i.operation_id
         where i.id = any($1) and i.worker_id is null
           and i.state || '' in ('queued', 'waiting', 'retrying', 'unwinding') -- found by id
         order by i.id for update of i skip locked",
        &ids,
    )
    .fetch_all(conn)
    .await?;
    held.iter().map(|row| with_kind(row.id, &row.kind)).collect()
}
