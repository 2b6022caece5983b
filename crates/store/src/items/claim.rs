//! Takes an item to work on it.

use std::time::{Duration, Instant};

use domain::{
    Code, ItemId, ItemState, Kind, Mode, OperationId, RoleName, SchemaName, TenantId, TenantName,
};
use sqlx::PgConnection;

/// An item this worker may work on, and whose it is.
///
/// [`Claim::attempt`] is the claim token: every later write is fenced by it.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The item.
    pub item: ItemId,
    /// Its operation.
    pub operation: OperationId,
    /// What the operation does.
    pub kind: Kind,
    /// What the kind has to know, as JSON.
    pub params: serde_json::Value,
    /// Whether the operation is all or nothing.
    pub mode: Mode,
    /// The worker that claimed it.
    pub worker: String,
    /// The claim token: how often the item was claimed, this time included.
    pub attempt: i32,
    /// When it was claimed.
    pub since: Instant,
    /// Tries used since the item was set going or began to unwind, this one included.
    pub tries: i32,
    /// `running`, or `unwinding` when an earlier try had to turn back.
    pub state: ItemState,
    /// Why the operation is to end early, when it is: `cancelled`, `batch_deadline` or
    /// `batch_rolled_back`.
    pub cancelled: Option<Code>,
    /// How long the item waited before its first claim; `None` on later ones.
    pub waited: Option<Duration>,
    /// Whether this claim took the item over from a worker that died.
    pub taken_over: bool,
    /// Why the item turned back, when `state` is `unwinding`.
    pub error: Option<RecordedError>,
    /// The stages that are committed and not undone, in no order.
    pub checkpoints: Vec<String>,
    /// The tenant to be made.
    pub tenant: ClaimedTenant,
    /// The schema of some other active tenant, if there is one: the tenant's role must be refused
    /// it.
    pub neighbour: Option<SchemaName>,
}

/// The reserved tenant a claimed item is about.
#[derive(Debug, Clone)]
pub struct ClaimedTenant {
    /// Its id.
    pub id: TenantId,
    /// Its name.
    pub name: TenantName,
    /// Its schema.
    pub schema: SchemaName,
    /// Its role.
    pub role: RoleName,
}

/// An error as it stands in the item's row.
#[derive(Debug, Clone)]
pub struct RecordedError {
    /// The stable code.
    pub code: String,
    /// What the caller is told.
    pub message: String,
    /// The step that failed, if one did.
    pub step: Option<String>,
}

/// Who claims.
#[derive(Debug, Clone, Copy)]
pub struct Claimant<'a> {
    /// The worker.
    pub worker: &'a str,
    /// The kinds of operations that it knows.
    pub kinds: &'a [Kind],
    /// The hash of the set of migrations that it has.
    pub set: &'a str,
    /// A worker that is silent for longer has lost its items.
    pub dead_after: Duration,
}

/// Claims those of `items` that are free: `queued`, `waiting` or `retrying`, or of a worker
/// not seen for `dead_after`. Left out are those that are final, whose owner lives, or whose operation is
/// paused, as are all while the whole queue is: the act that ends the pause gives them new jobs. An item
/// of another set of migrations than `set` is another worker's. One
/// whose tenant another one holds becomes `waiting`: the end of that one gives it a new job.
///
/// Also sets their operations going. One statement.
///
/// # Errors
/// When the statement fails, or the registry holds a name that is none;
/// [`is_held`] when another claim took a tenant at the same moment: try again.
pub async fn claim(
    conn: &mut PgConnection,
    items: &[ItemId],
    by: &Claimant<'_>,
) -> sqlx::Result<Vec<Claim>> {
    let ids: Vec<i64> = items.iter().map(|item| item.get()).collect();
    let kinds: Vec<&str> = by.kinds.iter().map(|kind| kind.as_str()).collect();
    let rows = sqlx::query_file!(
        "queries/items/claim.sql",
        &ids,
        by.worker,
        by.dead_after.as_secs_f64(),
        by.set,
        &kinds as &[&str],
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let error = row.error_code.map(|code| RecordedError {
                code,
                message: row.error_message.unwrap_or_default(),
                step: row.error_step,
            });
            Ok(Claim {
                since: Instant::now(),
                item: ItemId::new(row.id),
                operation: OperationId::new(row.operation_id),
                kind: row.kind.parse().map_err(decode)?,
                params: row.params,
                mode: row.mode.parse().map_err(decode)?,
                worker: by.worker.to_owned(),
                attempt: row.attempt,
                tries: row.tries,
                state: row.state.parse().map_err(decode)?,
                cancelled: row.cancel_code.map(Code::from),
                waited: row.waited_secs.map(|secs| Duration::from_secs_f64(secs.max(0.0))),
                taken_over: row.taken_over,
                error,
                checkpoints: row.checkpoints,
                tenant: ClaimedTenant {
                    id: TenantId::new(row.tenant_id),
                    name: TenantName::from_registry(row.tenant_name).map_err(decode)?,
                    schema: SchemaName::from_registry(row.schema_name).map_err(decode)?,
                    role: RoleName::parse(&row.role_name).map_err(decode)?,
                },
                // doctor tells whose name is none; it keeps nobody else from being made
                neighbour: row.neighbour.and_then(|name| SchemaName::from_registry(name).ok()),
            })
        })
        .collect()
}

/// Whether a claim failed because another one took one of its tenants at the same moment.
#[must_use]
pub fn is_held(error: &sqlx::Error) -> bool {
    const HOLD: &str = "operation_items_hold";
    error.as_database_error().and_then(sqlx::error::DatabaseError::constraint) == Some(HOLD)
}

fn decode(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}
