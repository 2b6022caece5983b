//! Items that somebody owns and nobody works on.

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

/// Gives owned items back: `running → retrying`; one that unwinds stays so, without an owner.
/// Returns those that have not moved on, with their kinds; the caller wakes workers for them in the same transaction.
pub async fn give_back(
    conn: &mut PgConnection,
    owned: &[Owned],
) -> sqlx::Result<Vec<(ItemId, Kind)>> {
    let (items, attempts): (Vec<i64>, Vec<i32>) =
        owned.iter().map(|owned| (owned.item.get(), owned.attempt)).unzip();
    let given_back = sqlx::query!(
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
    .fetch_all(conn)
    .await?;
    given_back.iter().map(|row| with_kind(row.id, &row.kind)).collect()
}
