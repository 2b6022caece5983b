//! Takes an item out of the hands of a dead worker.

use std::time::Duration;

use domain::{ItemId, OperationId};
use serde_json::json;
use sqlx::{PgConnection, types::Uuid};
use store::items::{Owned, give_back};

use super::{Deed, Outcome};
use crate::FixError;

/// What is still under way finds its claim gone: the item is no longer `running`.
pub(super) async fn run(
    conn: &mut PgConnection,
    item: ItemId,
    dead_after: Duration,
) -> Result<Outcome, FixError> {
    let row: Option<(Uuid, Option<i64>, i32, Option<String>)> = sqlx::query_as(
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
    .bind(dead_after.as_secs_f64())
    .fetch_optional(&mut *conn)
    .await?;
    let Some((operation, tenant, attempt, worker)) = row else { return Ok(Outcome::Gone) };
    let given_back = give_back(conn, &[Owned { item, attempt }]).await?;
    if given_back.is_empty() {
        return Ok(Outcome::Gone);
    }
    queue::wake(conn, &given_back, Duration::ZERO).await?;
    Ok(Outcome::Done(Deed {
        action: "item.given_back",
        tenant: tenant.map(domain::TenantId::new),
        operation: Some(OperationId::new(operation)),
        detail: json!({ "item": item, "worker": worker }),
    }))
}
