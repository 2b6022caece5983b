//! Deletes what has ended and is older than the settings keep, and makes the audit log's next months.
//!
//! One worker at a time, in short transactions: a backlog of months is worked off over many rounds.

use std::time::Duration;

use serde_json::json;
use sqlx::{PgConnection, Postgres, Transaction};
use store::{
    Connections, ErrorClass, audit, findings, idempotency,
    retention::{self, Cursor},
};
use tokio::time::Instant;
use tracing::{debug, info};

use super::SweepError;

/// Rows that one transaction deletes from each table, at most.
const PORTION: i64 = 1_000;

/// Operations that one transaction deletes, at most; their items follow.
const OPERATIONS: i64 = 100;

/// No portion begins later in a round: less than a worker waits for its sweep when it stops.
const ROUND: Duration = Duration::from_secs(4);

pub(super) async fn prune(pool: &Connections, keep: settings::Retention) -> Result<(), SweepError> {
    let until = Instant::now() + ROUND;
    make_months(pool).await?;
    let (mut after, mut pruned) = (Cursor::START, 0);
    while let Some(mut tx) = begin(pool).await? {
        let more_rows = rows(&mut tx, keep).await?;
        // Items of operations that are deleted go first, whatever the settings say now.
        let more_items = retention::prune_items(&mut tx, PORTION).await?;
        let oldest = if more_items || keep.operations_days == 0 {
            None
        } else {
            oldest(&mut tx, keep.operations_days, after).await?
        };
        tx.commit().await?;
        let more_operations = oldest.is_some();
        if let Some(portion) = oldest {
            (after, pruned) = (portion.next, pruned + portion.pruned);
        }
        if !(more_rows || more_items || more_operations) || Instant::now() >= until {
            break;
        }
    }
    if pruned > 0 {
        let days = keep.operations_days;
        info!(pruned, "deleted {pruned} operations that ended more than {days} days ago");
    }
    Ok(())
}

/// A transaction that may delete; `None` while another worker has one.
async fn begin(pool: &Connections) -> sqlx::Result<Option<Transaction<'static, Postgres>>> {
    let mut tx = pool.begin().await?;
    Ok(retention::lease(&mut tx).await?.then_some(tx))
}

/// Deletes a portion of each table of which every row that is old enough goes. Returns whether there
/// may be more.
async fn rows(conn: &mut PgConnection, keep: settings::Retention) -> sqlx::Result<bool> {
    let mut most = 0;
    if keep.idempotency_days > 0 {
        most = most.max(idempotency::forget_expired(conn, keep.idempotency_days, PORTION).await?);
    }
    if keep.events_days > 0 {
        most = most.max(retention::prune_events(conn, keep.events_days, PORTION).await?);
        most = most.max(findings::prune(conn, keep.events_days, PORTION).await?);
    }
    if keep.workers_days > 0 {
        most = most.max(retention::prune_workers(conn, keep.workers_days, PORTION).await?);
    }
    Ok(most == PORTION)
}

/// Deletes operations, and says so in the audit log.
async fn oldest(
    conn: &mut PgConnection,
    days: i32,
    after: Cursor,
) -> sqlx::Result<Option<retention::Portion>> {
    let portion = retention::prune_operations(conn, days, after, OPERATIONS).await?;
    if let Some(pruned) = portion.map(|it| it.pruned).filter(|pruned| *pruned > 0) {
        let entry = audit::Entry {
            actor: "sweeper",
            action: "operations.pruned",
            detail: json!({ "operations": pruned, "days": days }),
            ..audit::Entry::default()
        };
        audit::append(conn, entry).await?;
    }
    Ok(portion)
}

/// A reader of the whole log, such as a backup, holds this up and nothing else: rows go to the default
/// partition meanwhile.
async fn make_months(pool: &Connections) -> Result<(), SweepError> {
    let Some(mut tx) = begin(pool).await? else { return Ok(()) };
    match audit::make_months(&mut tx).await {
        Err(error) if store::classify(&error) == ErrorClass::Transient => {
            debug!("the audit log is in use; the next sweep makes its months");
            Ok(())
        }
        made => {
            made?;
            Ok(tx.commit().await?)
        }
    }
}

#[cfg(test)]
mod tests;
