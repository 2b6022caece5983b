//! Takes an item to work on it.

use std::{
    fmt,
    time::{Duration, Instant},
};

use domain::{
    Code, ItemId, ItemState, Kind, Mode, OperationId, RoleName, SchemaName, TenantId, TenantName,
    TenantState, codes,
};
use serde_json::value::RawValue;
use sqlx::{
    PgConnection,
    types::{Json, Uuid},
};

/// An item this worker may work on, and whose it is.
///
/// [`Claim::attempt`] is the claim token: every later write is fenced by it.
#[derive(Debug, Clone)]
pub struct Claim {
    pub item: ItemId,
    pub operation: OperationId,
    pub kind: Kind,
    pub params: serde_json::Value,
    /// Whether the operation is all or nothing.
    pub mode: Mode,
    /// The wave of its operation's rollout that it belongs to.
    pub wave: Option<i16>,
    pub worker: String,
    /// The claim token: how often the item was claimed, this time included.
    pub attempt: i32,
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
    /// What the item alone has to know; `None`, or an empty object: `params` have it.
    pub input: Option<Box<RawValue>>,
    /// What the stages that are committed noted, as the item's kind says.
    pub result: Option<serde_json::Value>,
    pub tenant: ClaimedTenant,
    /// The schema of some other active tenant, if there is one: the tenant's role must be refused
    /// it.
    pub neighbour: Option<SchemaName>,
}

/// The tenant a claimed item is about; a new one is reserved.
#[derive(Debug, Clone)]
pub struct ClaimedTenant {
    pub id: TenantId,
    pub state: TenantState,
    pub name: TenantName,
    pub domain: String,
    /// A JSON object, as the registry has it.
    pub settings: Box<RawValue>,
    pub schema: SchemaName,
    pub role: RoleName,
    /// The last look found its schema other than its migrations make it. Only a migration is told.
    pub drifted: bool,
}

/// An error as it stands in the item's row.
#[derive(Debug, Clone)]
pub struct RecordedError {
    pub code: String,
    /// What the caller is told.
    pub message: String,
    pub step: Option<String>,
}

#[derive(Debug, Clone, Copy)]
pub struct Claimant<'a> {
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
/// of another set of migrations or of an unknown kind is left to other workers. One whose tenant another
/// one holds becomes `waiting`: the end of that one gives it a new job. One whose tenant's row cannot be
/// read waits for an operator, `stuck` or `undo_failed`.
///
/// Also sets their operations going. One statement.
///
/// # Errors
/// When the statement fails; [`is_held`] when another claim took a tenant at the same moment: try again.
pub async fn claim(
    conn: &mut PgConnection,
    items: &[ItemId],
    by: &Claimant<'_>,
) -> sqlx::Result<Vec<Claim>> {
    let ids: Vec<i64> = items.iter().map(|item| item.get()).collect();
    let kinds: Vec<&str> = by.kinds.iter().map(|kind| kind.as_str()).collect();
    let rows = sqlx::query_file_as!(
        Row,
        "queries/items/claim.sql",
        &ids,
        by.worker,
        by.dead_after.as_secs_f64(),
        by.set,
        &kinds as &[&str],
    )
    .fetch_all(&mut *conn)
    .await?;
    let (mut claims, mut odd) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in rows {
        let (item, attempt) = (row.id, row.attempt);
        match row.read(by) {
            Ok(claim) => claims.push(claim),
            Err(why) => odd.push((item, attempt, why)),
        }
    }
    if !odd.is_empty() {
        leave_to_operator(conn, odd).await?;
    }
    Ok(claims)
}

#[derive(Debug)]
struct Row {
    id: i64,
    operation_id: Uuid,
    attempt: i32,
    tries: i32,
    state: String,
    kind: String,
    params: serde_json::Value,
    mode: String,
    cancel_code: Option<String>,
    waited_secs: Option<f64>,
    taken_over: bool,
    error_code: Option<String>,
    error_message: Option<String>,
    error_step: Option<String>,
    checkpoints: Vec<String>,
    result: Option<serde_json::Value>,
    wave: Option<i16>,
    input: Option<Json<Box<RawValue>>>,
    tenant_id: i64,
    tenant_state: String,
    tenant_name: String,
    domain: String,
    settings: Json<Box<RawValue>>,
    schema_name: String,
    role_name: String,
    drifted: bool,
    neighbour: Option<String>,
}

impl Row {
    /// The claim, or why the registry's row of its tenant cannot be read: a person wrote there.
    fn read(self, by: &Claimant<'_>) -> Result<Claim, String> {
        let odd = |column: &str, why: &dyn fmt::Display| {
            format!("the registry's {column} of this tenant cannot be read: {why}")
        };
        let error = self.error_code.map(|code| RecordedError {
            code,
            message: self.error_message.unwrap_or_default(),
            step: self.error_step,
        });
        Ok(Claim {
            since: Instant::now(),
            item: ItemId::new(self.id),
            operation: OperationId::new(self.operation_id),
            kind: self.kind.parse().map_err(|e| odd("kind", &e))?,
            params: self.params,
            mode: self.mode.parse().map_err(|e| odd("mode", &e))?,
            wave: self.wave,
            worker: by.worker.to_owned(),
            attempt: self.attempt,
            tries: self.tries,
            state: self.state.parse().map_err(|e| odd("state", &e))?,
            cancelled: self.cancel_code.map(Code::from),
            waited: self.waited_secs.map(|secs| Duration::from_secs_f64(secs.max(0.0))),
            taken_over: self.taken_over,
            error,
            checkpoints: self.checkpoints,
            result: self.result,
            input: self.input.map(|input| input.0),
            tenant: ClaimedTenant {
                id: TenantId::new(self.tenant_id),
                state: self.tenant_state.parse().map_err(|e| odd("state", &e))?,
                name: TenantName::from_registry(self.tenant_name).map_err(|e| odd("name", &e))?,
                domain: self.domain,
                settings: self.settings.0,
                schema: SchemaName::from_registry(self.schema_name)
                    .map_err(|e| odd("schema_name", &e))?,
                role: RoleName::parse(&self.role_name).map_err(|e| odd("role_name", &e))?,
                drifted: self.drifted,
            },
            // doctor tells whose name is none; it keeps nobody else from being made
            neighbour: self.neighbour.and_then(|name| SchemaName::from_registry(name).ok()),
        })
    }
}

/// `running → stuck`, `unwinding → undo_failed`, with what cannot be read.
async fn leave_to_operator(
    conn: &mut PgConnection,
    odd: Vec<(i64, i32, String)>,
) -> sqlx::Result<()> {
    let mut columns = (Vec::new(), Vec::new(), Vec::new());
    for (item, attempt, why) in odd {
        columns.0.push(item);
        columns.1.push(attempt);
        columns.2.push(why);
    }
    let code = codes::INTERNAL;
    sqlx::query!(
        "update tenantry.operation_items i
         set state = case i.state when 'unwinding' then 'undo_failed' else 'stuck' end,
             worker_id = null, finished_at = clock_timestamp(), error_code = $4,
             error_message = odd.why, error_step = null, error_retryable = true
         from unnest($1::bigint[], $2::int[], $3::text[]) as odd (id, attempt, why)
         where i.id = odd.id and i.attempt = odd.attempt
           and i.state || '' in ('running', 'unwinding') -- found by id",
        &columns.0,
        &columns.1,
        &columns.2,
        code.as_str(),
    )
    .execute(conn)
    .await
    .map(drop)
}

/// Whether a claim failed because another one took one of its tenants at the same moment.
#[must_use]
pub fn is_held(error: &sqlx::Error) -> bool {
    const HOLD: &str = "operation_items_hold";
    error.as_database_error().and_then(sqlx::error::DatabaseError::constraint) == Some(HOLD)
}
