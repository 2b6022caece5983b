//! Walks the items that wait for a worker: a live job must bring one to each.
//!
//! Items of paused operations, of a paused queue and of operations whose time has not come wait by right.

use domain::ItemId;
use sqlx::{PgConnection, Row};

use crate::{Kind, Subject, report::Gatherer};

/// Items read at a time.
const PAGE: i64 = 1_000;

/// Finds waiting items without a live job.
pub(crate) async fn walk(conn: &mut PgConnection, gatherer: &mut Gatherer<'_>) -> sqlx::Result<()> {
    if !gatherer.scope.wants(Kind::ItemWithoutJob) {
        return Ok(());
    }
    let mut after = i64::MIN;
    loop {
        let rows = sqlx::query(
            "select i.id, i.state
             from tenantry.operation_items i
             join tenantry.operations b on b.id = i.operation_id
             where i.id > $1 and i.state in ('queued', 'retrying', 'unwinding')
               and i.worker_id is null and b.paused_at is null
               and not exists (select from tenantry.installation where paused_at is not null)
               and greatest(coalesce(i.next_attempt_at, i.created_at), b.run_at)
                   < now() - make_interval(secs => $2)
             order by i.id limit $3",
        )
        .bind(after)
        .bind(gatherer.scope.grace.as_secs_f64())
        .bind(PAGE)
        .fetch_all(&mut *conn)
        .await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.try_get(0)?;
        let items: Vec<ItemId> =
            rows.iter().map(|row| row.try_get(0).map(ItemId::new)).collect::<sqlx::Result<_>>()?;
        let without = queue::without_live_job(conn, &items).await?;
        for (row, id) in rows.iter().zip(items).filter(|(_, id)| without.contains(id)) {
            let state: &str = row.try_get(1)?;
            let sentence = format!("item {id} is {state} and has no live job");
            gatherer.add(Kind::ItemWithoutJob, Subject::Item(id), sentence, true);
        }
    }
}
