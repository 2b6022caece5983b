//! Gives a waiting item a new job.

use std::time::Duration;

use domain::{ItemId, OperationId};
use serde_json::json;
use sqlx::{PgConnection, types::Uuid};

use super::{Deed, Outcome};
use crate::FixError;

/// Unless the item has moved on, or a job of it is alive after all.
pub(super) async fn run(conn: &mut PgConnection, item: ItemId) -> Result<Outcome, FixError> {
    let row: Option<(Uuid, Option<i64>)> = sqlx::query_as(
        "select operation_id, tenant_id from tenantry.operation_items
         where id = $1 and state in ('queued', 'retrying', 'unwinding') and worker_id is null
         for update",
    )
    .bind(item.get())
    .fetch_optional(&mut *conn)
    .await?;
    let Some((operation, tenant)) = row else { return Ok(Outcome::Gone) };
    if queue::without_live_job(conn, &[item]).await?.is_empty() {
        return Ok(Outcome::Gone);
    }
    queue::wake(conn, &[item], Duration::ZERO).await?;
    Ok(Outcome::Done(Deed {
        action: "item.requeued",
        tenant: tenant.map(domain::TenantId::new),
        operation: Some(OperationId::new(operation)),
        detail: json!({ "item": item }),
    }))
}
