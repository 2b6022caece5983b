//! Lists and counts the items that wait for a worker.

use std::time::Duration;

use domain::{ItemId, Kind, OperationId, TenantId};
use sqlx::PgConnection;

use crate::decode::with_kind;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiters {
    Operation(OperationId),
    /// Those of every open operation that is not paused.
    Queue,
}

/// At most `limit` items of `of` after `after`, in order of id, that wait for a worker, each with the kind of
/// its operation. Those of an operation whose time has not come are not among them.
pub async fn waiting(
    conn: &mut PgConnection,
    of: Waiters,
    after: ItemId,
    limit: i64,
) -> sqlx::Result<Vec<(ItemId, Kind)>> {
    match of {
        Waiters::Operation(operation) => {
            sqlx::query!(
                "select i.id, b.kind from tenantry.operation_items i
         join tenantry.operations b on b.id = i.operation_id and b.run_at is null
         where i.operation_id = $1 and i.id > $2 and i.worker_id is null
           and i.state in ('queued', 'waiting', 'retrying', 'unwinding')
         order by i.id limit $3",
                operation.get(),
                after.get(),
                limit,
            )
            .try_map(|row| with_kind(row.id, &row.kind))
            .fetch_all(conn)
            .await
        }
        Waiters::Queue => {
            sqlx::query!(
                "select i.id, b.kind from tenantry.operation_items i
         join tenantry.operations b on b.id = i.operation_id
              and b.run_at is null and b.paused_at is null
         where i.id > $1 and i.worker_id is null
           and i.state in ('queued', 'waiting', 'retrying', 'unwinding')
         order by i.id limit $2",
                after.get(),
                limit,
            )
            .try_map(|row| with_kind(row.id, &row.kind))
            .fetch_all(conn)
            .await
        }
    }
}

/// Of the items that wait for one of `tenants`, the first for each whose operation is neither paused nor put
/// off: its turn comes when none holds the tenant any more.
pub async fn next_for(
    conn: &mut PgConnection,
    tenants: &[TenantId],
) -> sqlx::Result<Vec<(ItemId, Kind)>> {
    let ids: Vec<i64> = tenants.iter().map(|tenant| tenant.get()).collect();
    sqlx::query!(
        "select i.id, b.kind
         from unnest($1::bigint[]) as t (id)
         cross join lateral (select i.id, i.operation_id from tenantry.operation_items i
                             join tenantry.operations o on o.id = i.operation_id
                             where i.tenant_id = t.id and i.state = 'waiting'
                               and o.paused_at is null and o.run_at is null
                             order by i.id limit 1) i
         join tenantry.operations b on b.id = i.operation_id",
        &ids,
    )
    .try_map(|row| with_kind(row.id, &row.kind))
    .fetch_all(conn)
    .await
}

/// The place of the first item of `operation` that waits for its tenant, if one does.
pub async fn first_waiting(
    conn: &mut PgConnection,
    operation: OperationId,
) -> sqlx::Result<Option<u32>> {
    let index = sqlx::query_scalar!(
        "select idx from tenantry.operation_items
         where operation_id = $1 and state = 'waiting' order by idx limit 1",
        operation.get(),
    )
    .fetch_optional(conn)
    .await?;
    Ok(index.and_then(|index| u32::try_from(index).ok()))
}

/// The first item that waits for each tenant of `operation`, which has just been cancelled, unless that item's
/// operation is paused or put off.
pub async fn next_behind(
    conn: &mut PgConnection,
    operation: OperationId,
) -> sqlx::Result<Vec<(ItemId, Kind)>> {
    sqlx::query!(
        "select distinct on (i.tenant_id) i.id, o.kind
         from tenantry.operation_items i
         join tenantry.operations o on o.id = i.operation_id
         where i.state = 'waiting' and o.paused_at is null and o.run_at is null
           and i.tenant_id in (select c.tenant_id from tenantry.operation_items c where c.operation_id = $1)
         order by i.tenant_id, i.id",
        operation.get(),
    )
    .try_map(|row| with_kind(row.id, &row.kind))
    .fetch_all(conn)
    .await
}

/// At most `limit` items of `operation` that a worker could take now, in order of id.
pub async fn due(
    conn: &mut PgConnection,
    operation: OperationId,
    limit: i64,
) -> sqlx::Result<Vec<ItemId>> {
    sqlx::query!(
        "select id from tenantry.operation_items
         where operation_id = $1 and state in ('queued', 'waiting', 'retrying', 'unwinding')
           and worker_id is null and coalesce(next_attempt_at <= clock_timestamp(), true)
         order by id limit $2",
        operation.get(),
        limit,
    )
    .map(|row| ItemId::new(row.id))
    .fetch_all(conn)
    .await
}

/// The number of items that wait for a worker; counts no further than `cap`.
pub async fn count_waiting(conn: &mut PgConnection, cap: i32) -> sqlx::Result<i32> {
    sqlx::query_scalar!(
        r#"select count(*)::int as "count!" from (
               select from tenantry.operation_items
               where state in ('queued', 'waiting', 'retrying', 'unwinding') limit $1) as waiting"#,
        i64::from(cap),
    )
    .fetch_one(conn)
    .await
}

/// At most `limit` items that wait for their tenants, by tenant.
pub async fn put_off(conn: &mut PgConnection, limit: i64) -> sqlx::Result<Vec<ItemId>> {
    let found = sqlx::query_scalar!(
        "select id from tenantry.operation_items where state = 'waiting' order by tenant_id, id limit $1",
        limit,
    )
    .fetch_all(conn)
    .await?;
    Ok(found.into_iter().map(ItemId::new).collect())
}

/// Those of `items` that wait for their tenant although no item is there any more that they have to wait for:
/// the claim that put them off had seen one which has ended since, and whose end did not see them wait.
pub async fn free_by_now(
    conn: &mut PgConnection,
    items: &[ItemId],
) -> sqlx::Result<Vec<(ItemId, Kind)>> {
    let ids: Vec<i64> = items.iter().map(|item| item.get()).collect();
    sqlx::query_file!("queries/items/free_by_now.sql", &ids)
        .try_map(|row| with_kind(row.id, &row.kind))
        .fetch_all(conn)
        .await
}

/// Those of `items` that wait for a worker with another set of migrations than `set`, where there is one
/// that has been heard of within `dead_after`.
pub async fn of_other_sets(
    conn: &mut PgConnection,
    items: &[ItemId],
    set: &str,
    dead_after: Duration,
) -> sqlx::Result<Vec<(ItemId, Kind)>> {
    let ids: Vec<i64> = items.iter().map(|item| item.get()).collect();
    sqlx::query!(
        "select i.id, o.kind from tenantry.operation_items i
         join tenantry.operations o on o.id = i.operation_id
         where i.id = any($1::bigint[]) and o.params ->> 'set' <> $2 and i.worker_id is null
           and i.state || '' in ('queued', 'waiting', 'retrying', 'unwinding') -- found by id
           and exists (select from tenantry.workers w
                       where w.set_hash = o.params ->> 'set' and w.stopped_at is null
                         and w.seen_at > clock_timestamp() - make_interval(secs => $3))",
        &ids,
        set,
        dead_after.as_secs_f64(),
    )
    .try_map(|row| with_kind(row.id, &row.kind))
    .fetch_all(conn)
    .await
}

/// The open operations whose items wait for a worker with this set of migrations.
pub async fn operations_of_set(
    conn: &mut PgConnection,
    set: &str,
) -> sqlx::Result<Vec<OperationId>> {
    sqlx::query!(
        "select id from tenantry.operations
         where finished_at is null and run_at is null and paused_at is null and params ->> 'set' = $1",
        set,
    )
    .map(|row| OperationId::new(row.id))
    .fetch_all(conn)
    .await
}
