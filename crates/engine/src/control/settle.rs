//! Activates or rolls back atomic operations, and ends operations whose items have all ended.
//!
//! Called after an item of the operation has ended or was built, and by the sweep when the process that
//! should have called it died. Every act locks the operation's row or is guarded by it, so any number of
//! workers may try at once.

use std::time::Duration;

use domain::{ItemError, Kind, OperationId, OperationState, codes};
use queue::Bell;
use serde_json::json;
use sqlx::PgConnection;
use store::{
    Connections,
    audit::{self, By},
    items, operations,
};
use tracing::{info, warn};

use crate::crash_point;

/// Ends `operation` if no item of it is open, and says how. Call it after the commit that ended an item;
/// ring [`Bell::Ends`] for those that ended.
///
/// # Errors
/// When the database fails; the next sweep ends the operation then.
pub async fn settle(
    pool: &Connections,
    operation: OperationId,
) -> sqlx::Result<Option<OperationState>> {
    let ended = operations::settle(&mut *pool.acquire().await?, operation).await?;
    if let Some(state) = ended {
        info!(operation.id = %operation, operation.state = %state, "operation {operation} ended as {state}");
    }
    Ok(ended)
}

/// Takes an atomic operation on: activates it when all is built, rolls back what is built when it cannot
/// be completed. Does nothing to any other operation. Says how many tenants became visible.
///
/// # Errors
/// When the database fails; the next sweep does it then.
pub async fn advance(pool: &Connections, by: By<'_>, operation: OperationId) -> sqlx::Result<u64> {
    let mut tx = pool.begin().await?;
    let Some(atomic) = operations::lock_atomic(&mut tx, operation).await? else { return Ok(0) };
    let code = match atomic.state {
        OperationState::Queued | OperationState::Running => {
            if items::all_built(&mut tx, operation).await? {
                let activated = activate(&mut tx, by, operation).await?;
                crash_point("before_commit", "activate_batch");
                tx.commit().await?;
                crash_point("after_commit", "activate_batch");
                return Ok(activated);
            }
            let Some(culprit) = items::first_failed(&mut tx, operation).await? else {
                return Ok(0);
            };
            begin_rollback(&mut tx, by, operation, culprit).await?;
            codes::BATCH_ROLLED_BACK
        }
        _ => atomic.code.unwrap_or(codes::CANCELLED),
    };
    let message = "the operation is all or nothing, and could not be completed";
    let reason = ItemError { retryable: true, ..ItemError::rejected(code, message) };
    let turned = turn_back(&mut tx, operation, &reason).await?;
    crash_point("before_commit", "turn_back");
    tx.commit().await?;
    crash_point("after_commit", "turn_back");
    if turned > 0 {
        queue::ring(pool, Bell::Jobs).await;
    }
    Ok(0)
}

async fn activate(tx: &mut PgConnection, by: By<'_>, operation: OperationId) -> sqlx::Result<u64> {
    let tenants = items::activate_built(tx, operation).await?;
    let entry = audit::Entry { operation: Some(operation), ..by.did("tenant.activated") };
    audit::append_for_tenants(tx, entry, &tenants).await?;
    info!(operation.id = %operation, tenants = tenants.len(),
        "all of operation {operation} is built; activated its {} tenants", tenants.len());
    Ok(tenants.len() as u64)
}

async fn begin_rollback(
    tx: &mut PgConnection,
    by: By<'_>,
    operation: OperationId,
    culprit: i32,
) -> sqlx::Result<()> {
    if operations::begin_rollback(tx, operation, culprit).await? {
        let (detail, entry) = (json!({ "culprit": culprit }), by.did("operation.rolling_back"));
        audit::append(tx, audit::Entry { operation: Some(operation), detail, ..entry }).await?;
        warn!(operation.id = %operation, culprit, "item {culprit} failed; rolling operation {operation} back");
    }
    Ok(())
}

/// Has every built item of `operation` undone, because of `reason`; says how many.
pub(super) async fn turn_back(
    conn: &mut PgConnection,
    operation: OperationId,
    reason: &ItemError,
) -> sqlx::Result<u64> {
    let turned = items::turn_built_back(conn, operation, reason).await?;
    // Only new tenants are built together.
    let turned: Vec<_> = turned.into_iter().map(|item| (item, Kind::Provision)).collect();
    queue::wake(conn, &turned, Duration::ZERO).await?;
    Ok(turned.len() as u64)
}
