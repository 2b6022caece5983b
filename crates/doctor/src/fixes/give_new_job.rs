//! Gives a waiting item a new job.

use std::time::Duration;

use domain::{ItemId, OperationId};
use queue::JobId;
use serde_json::json;
use sqlx::{PgConnection, types::Uuid};
use store::items::Waiting;

use super::{Deed, Outcome};
use crate::FixError;

/// Unless the item has moved on, or its job is alive after all.
pub(super) async fn run(conn: &mut PgConnection, item: ItemId) -> Result<Outcome, FixError> {
    let row: Option<(Uuid, Option<i64>, Option<String>)> = sqlx::query_as(
        "select operation_id, tenant_id, job_id from tenantry.operation_items
         where id = $1 and state in ('queued', 'retrying', 'unwinding') and worker_id is null
         for update",
    )
    .bind(item.get())
    .fetch_optional(&mut *conn)
    .await?;
    let Some((operation, tenant, job)) = row else { return Ok(Outcome::Gone) };
    let named: Vec<String> = job.iter().cloned().collect();
    if !queue::live_jobs(conn, &named).await?.is_empty() {
        return Ok(Outcome::Gone);
    }
    let (waiting, new) = (Waiting { item, job }, JobId::mint());
    if !store::items::replace_job(conn, &waiting, &new.to_string()).await? {
        return Ok(Outcome::Gone);
    }
    queue::enqueue(conn, &[(item, new)], Duration::ZERO).await?;
    Ok(Outcome::Done(Deed {
        action: "item.requeued",
        tenant: tenant.map(domain::TenantId::new),
        operation: Some(OperationId::new(operation)),
        detail: json!({ "item": item, "lost": waiting.job, "job": new.to_string() }),
    }))
}
