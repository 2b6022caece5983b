//! Deletes what has ended and is older than the settings keep, and makes the audit log's next months.
//!
//! One worker at a time, in short transactions: a backlog of months is worked off over many rounds.

use std::time::Duration;

use serde_json::json;
use sqlx::{PgConnection, Postgres, Transaction};
use store::{
    Connections, ErrorClass, audit, idempotency,
    retention::{self, Cursor},
};
use tokio::time::Instant;
use tracing::{debug, info};

use super::SweepError;

/// Rows that one transaction deletes from a table, at most.
const PORTION: i64 = 1_000;

/// Operations that one transaction deletes, at most; their items follow.
const OPERATIONS: i64 = 100;

/// No portion begins later in a round: less than a worker waits for its sweep when it stops.
const ROUND: Duration = Duration::from_secs(4);

/// Tables of which every row that is old enough goes.
#[derive(Debug, Clone, Copy)]
enum Table {
    IdempotencyKeys,
    Events,
    Workers,
}

/// One round.
pub(super) async fn prune(pool: &Connections, keep: settings::Retention) -> Result<(), SweepError> {
    let until = Instant::now() + ROUND;
    make_months(pool).await?;
    for (table, days) in [
        (Table::IdempotencyKeys, keep.idempotency_days),
        (Table::Events, keep.events_days),
        (Table::Workers, keep.workers_days),
    ] {
        if days > 0 {
            rows(pool, until, table, days).await?;
        }
    }
    operations(pool, until, keep.operations_days).await
}

/// A transaction that may delete; `None` while another worker has one.
async fn begin(pool: &Connections) -> sqlx::Result<Option<Transaction<'static, Postgres>>> {
    let mut tx = pool.begin().await?;
    Ok(retention::lease(&mut tx).await?.then_some(tx))
}

async fn rows(
    pool: &Connections,
    until: Instant,
    table: Table,
    days: i32,
) -> Result<(), SweepError> {
    loop {
        let Some(mut tx) = begin(pool).await? else { return Ok(()) };
        let gone = match table {
            Table::IdempotencyKeys => idempotency::forget_expired(&mut tx, days, PORTION).await?,
            Table::Events => retention::prune_events(&mut tx, days, PORTION).await?,
            Table::Workers => retention::prune_workers(&mut tx, days, PORTION).await?,
        };
        tx.commit().await?;
        if gone < PORTION || Instant::now() >= until {
            return Ok(());
        }
    }
}

/// Items of operations that are deleted go first, whatever the settings say now.
async fn operations(pool: &Connections, until: Instant, days: i32) -> Result<(), SweepError> {
    let (mut after, mut pruned) = (Cursor::START, 0);
    while Instant::now() < until {
        let Some(mut tx) = begin(pool).await? else { break };
        let more = retention::prune_items(&mut tx, PORTION).await?;
        let portion = if more || days == 0 { None } else { oldest(&mut tx, days, after).await? };
        tx.commit().await?;
        match portion {
            Some(portion) => (after, pruned) = (portion.next, pruned + portion.pruned),
            None if more => {}
            None => break,
        }
    }
    if pruned > 0 {
        info!(pruned, "deleted {pruned} operations that ended more than {days} days ago");
    }
    Ok(())
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
