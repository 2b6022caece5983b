//! Migrates the schemas of a whole fleet: tenants page by page, several at a time, each in one
//! transaction of its own. A tenant that fails is told of and the others go on.
//!
//! New tenants may appear while a rollout runs, made by a worker that still has the old
//! migrations: after the first walk the stragglers are looked for until there are none.

mod error;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use domain::{RoleName, SchemaName, TenantId, TenantState, Version};
use futures::{Stream, TryStreamExt as _, stream};
use serde_json::json;
use sqlx::{Connection as _, PgConnection, PgPool, postgres::PgConnectOptions};
use store::{
    StageLimits, audit, tenants,
    tenants::{FleetTenant, Place},
};
use tenantdb::{
    Promise, grants, ledger,
    migrations::{self, MigrateError, MigrationSet, Target},
    role,
};

pub use error::FleetError;

/// Tenants read at a time.
const PAGE: i64 = 500;

/// Tenants after which a connection is replaced. A backend's caches grow with every schema it
/// touches, and never shrink: 141 MB after 200 tenants, 503 MB after 800.
const CONNECTION_USES: u32 = 200;

/// Tries for one tenant whose tables are in use or whose connection broke.
const TRIES: u32 = 3;

/// Pause before the second try; doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// Which way to go, and how far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Direction {
    /// Nowhere: make the row in the ledger where it is missing. It says that the set is applied up to the
    /// target; `None` = nothing is, and the schema has to be empty.
    Init(Option<Target>),
    /// Apply everything that is pending.
    Up,
    /// Take back what is newer than the target; `None` = the newest migration alone.
    Down(Option<Target>),
}

/// A migration of many tenants.
#[derive(Debug, Clone)]
pub struct FleetRun {
    /// The control database, where the tenants are too.
    pub pool: PgPool,
    /// What every tenant is to have.
    pub migrations: MigrationSet,
    /// What they make of an empty schema, to grant on it; `None` = nothing new is made. Learning
    /// it finds a migration that works nowhere before a tenant is touched.
    pub promise: Option<Promise>,
    /// Which way to go.
    pub direction: Direction,
    /// Tenants at a time.
    pub concurrency: usize,
    /// How long one statement may wait and run. A waiting `ALTER` blocks every reader behind it:
    /// keep the wait for locks at 2 s or less.
    pub limits: StageLimits,
    /// Who the audit log says it was.
    pub actor: String,
}

/// What came of one tenant.
#[derive(Debug)]
pub struct FleetOutcome {
    /// The tenant.
    pub tenant: TenantId,
    /// Its schema, as the registry has it.
    pub schema: String,
    /// The way its schema went, or why it stands where it stood.
    pub result: Result<Moved, FleetError>,
}

/// From which version to which, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The newest version that the schema had; `None` = none.
    pub from: Option<Version>,
    /// The newest that it has.
    pub to: Option<Version>,
    /// What was applied, oldest first.
    pub applied: Vec<Version>,
    /// Those of the applied that are older than `from`: they came into the set later.
    pub out_of_order: Vec<Version>,
    /// What was taken back, newest first.
    pub reverted: Vec<Version>,
    /// Whether the role's search path was another one: of other extensions.
    pub path_changed: bool,
    /// What the row in the ledger tells of, where it was missing and nothing was run.
    pub recorded: Option<Recorded>,
}

/// A row that was made for a schema as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// What counts as applied, oldest first.
    pub has: Vec<Version>,
    /// Migrations of the set that do not.
    pub pending: usize,
}

impl Moved {
    fn nowhere(version: Option<Version>) -> Self {
        let (applied, out_of_order, reverted) = (Vec::new(), Vec::new(), Vec::new());
        let (from, to, path_changed, recorded) = (version.clone(), version, false, None);
        Self { from, to, applied, out_of_order, reverted, path_changed, recorded }
    }

    /// Whether there was something to do.
    #[must_use]
    pub fn changed(&self) -> bool {
        self.recorded.is_some()
            || self.path_changed
            || !(self.applied.is_empty() && self.reverted.is_empty())
    }
}

/// Migrates every active tenant, in no particular order. Dropping the stream stops: what is under
/// way is rolled back.
///
/// # Errors
/// The stream ends with an error when the tenants cannot be listed; what went wrong with one
/// tenant is in its [`FleetOutcome`].
pub fn migrate_fleet(run: FleetRun) -> impl Stream<Item = sqlx::Result<FleetOutcome>> {
    let concurrency = run.concurrency.max(1);
    let seats = Arc::new(Seats::new(&run.pool));
    let run = Arc::new(run);
    walk(Arc::clone(&run))
        .map_ok(move |tenant| {
            let (run, seats) = (Arc::clone(&run), Arc::clone(&seats));
            async move { Ok(migrate(&run, &seats, tenant).await) }
        })
        .try_buffer_unordered(concurrency)
}

/// Migrates the one active tenant whose schema this is; `None` when there is none.
///
/// # Errors
/// When the tenant cannot be looked up.
pub async fn migrate_one(
    run: &FleetRun,
    schema: &SchemaName,
) -> sqlx::Result<Option<FleetOutcome>> {
    let mut conn = run.pool.acquire().await?;
    let Some(tenant) = tenants::fleet_tenant(&mut conn, schema).await? else { return Ok(None) };
    drop(conn);
    Ok(Some(migrate(run, &Seats::new(&run.pool), tenant).await))
}

/// The tenants still to come.
struct Walk {
    run: Arc<FleetRun>,
    newest: Place,
    after: Option<TenantId>,
    seen: HashSet<TenantId>,
    first: bool,
    found: bool,
}

fn walk(run: Arc<FleetRun>) -> impl Stream<Item = sqlx::Result<FleetTenant>> {
    let newest = newest(&run.migrations);
    let walk = Walk { run, newest, after: None, seen: HashSet::new(), first: true, found: false };
    stream::try_unfold(walk, async |mut walk: Walk| {
        let page = walk.next_page().await?;
        let page = page.map(|tenants| (stream::iter(tenants.into_iter().map(Ok)), walk));
        Ok::<_, sqlx::Error>(page)
    })
    .try_flatten()
}

impl Walk {
    /// The next tenants that were not seen yet; `None` at the end of the last walk.
    async fn next_page(&mut self) -> sqlx::Result<Option<Vec<FleetTenant>>> {
        loop {
            let mut conn = self.run.pool.acquire().await?;
            let others = (!self.first).then_some(&self.newest);
            let page = tenants::fleet_page(&mut conn, self.after, others, PAGE).await?;
            drop(conn);
            let Some(last) = page.last() else {
                if !self.begin_again() {
                    return Ok(None);
                }
                continue;
            };
            self.after = Some(last.id);
            let new: Vec<_> = page.into_iter().filter(|t| self.seen.insert(t.id)).collect();
            if !new.is_empty() {
                self.found = true;
                return Ok(Some(new));
            }
        }
    }

    /// The first walk meets everybody, the later ones only who does not stand at the newest version.
    fn begin_again(&mut self) -> bool {
        let again = self.run.direction == Direction::Up && (self.first || self.found);
        (self.after, self.first, self.found) = (None, false, false);
        again
    }
}

fn newest(set: &MigrationSet) -> Place {
    Place { set_hash: set.hash().to_owned(), version: set.head().cloned() }
}

async fn migrate(run: &FleetRun, seats: &Seats, tenant: FleetTenant) -> FleetOutcome {
    if run.direction == Direction::Up && tenant.place == Some(newest(&run.migrations)) {
        let moved = Moved::nowhere(run.migrations.head().cloned());
        return FleetOutcome { tenant: tenant.id, schema: tenant.schema, result: Ok(moved) };
    }
    let (mut result, mut pause) = (migrate_once(run, seats, &tenant).await, FIRST_PAUSE);
    for _ in 1..TRIES {
        if !result.as_ref().is_err_and(FleetError::is_transient) {
            break;
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
        result = migrate_once(run, seats, &tenant).await;
    }
    FleetOutcome { tenant: tenant.id, schema: tenant.schema, result }
}

async fn migrate_once(
    run: &FleetRun,
    seats: &Seats,
    tenant: &FleetTenant,
) -> Result<Moved, FleetError> {
    let names = tenant.names().map_err(FleetError::Names)?;
    let mut seat = seats.take().await.map_err(FleetError::Connect)?;
    let result = in_transaction(run, &mut seat.conn, tenant.id, &names).await;
    seat.uses += 1;
    if result.is_ok() {
        seats.put_back(seat).await;
    }
    // After a failure the connection is closed, and the server rolls back what it had begun.
    result
}

async fn in_transaction(
    run: &FleetRun,
    conn: &mut PgConnection,
    tenant: TenantId,
    (schema, role): &(SchemaName, RoleName),
) -> Result<Moved, FleetError> {
    let mut tx = conn.begin().await.map_err(FleetError::Connect)?;
    store::open_stage(&mut tx, &[tenant], run.limits).await.map_err(FleetError::Lock)?;
    let mut moved = move_schema(run, &mut tx, tenant, schema).await.map_err(FleetError::Migrate)?;
    if let Some(promise) = run.promise.as_ref().filter(|_| !moved.applied.is_empty()) {
        grants::grant(&mut tx, schema, role, promise).await.map_err(FleetError::Grant)?;
    }
    if run.direction == Direction::Up {
        let path = run.migrations.path();
        let followed = role::follow_path(&mut tx, role, schema, path).await;
        moved.path_changed = followed.map_err(FleetError::Grant)?;
    }
    if !is_active(&mut tx, tenant, &moved).await.map_err(FleetError::Record)? {
        return Err(FleetError::NotActive);
    }
    if moved.changed() {
        record(run, &mut tx, tenant, &moved).await.map_err(FleetError::Record)?;
    }
    tx.commit().await.map_err(FleetError::Commit)?;
    Ok(moved)
}

/// Whether the tenant is active still; records that it was changed.
async fn is_active(conn: &mut PgConnection, tenant: TenantId, moved: &Moved) -> sqlx::Result<bool> {
    if moved.changed() {
        return tenants::touch(conn, tenant).await;
    }
    Ok(tenants::state(conn, tenant).await? == Some(TenantState::Active))
}

async fn record(
    run: &FleetRun,
    conn: &mut PgConnection,
    tenant: TenantId,
    moved: &Moved,
) -> sqlx::Result<()> {
    let entry = audit::Entry {
        actor: &run.actor,
        action: "tenant.migrated",
        tenant: Some(tenant),
        detail: json!({ "from": moved.from, "to": moved.to,
            "applied": moved.applied, "reverted": moved.reverted, "path_changed": moved.path_changed,
            "recorded": moved.recorded.as_ref().map(|recorded| &recorded.has) }),
        ..Default::default()
    };
    audit::append(conn, entry).await
}

async fn move_schema(
    run: &FleetRun,
    conn: &mut PgConnection,
    tenant: TenantId,
    schema: &SchemaName,
) -> Result<Moved, MigrateError> {
    let set = &run.migrations;
    match &run.direction {
        Direction::Init(at) => {
            let Some(has) = migrations::record(conn, tenant, schema, set, at.as_ref()).await?
            else {
                let entry = ledger::read(conn, &[tenant]).await;
                let entry = entry.map_err(|source| MigrateError::Database { source })?;
                return Ok(Moved::nowhere(entry.into_iter().flatten().find_map(|e| e.version)));
            };
            let pending = set.iter().len() - has.len();
            let to = has.last().cloned();
            Ok(Moved {
                from: None,
                recorded: Some(Recorded { has, pending }),
                ..Moved::nowhere(to)
            })
        }
        Direction::Up => {
            let done = migrations::apply(conn, tenant, schema, set).await?;
            let (applied, out_of_order) = (done.applied, done.out_of_order);
            Ok(Moved { from: done.from, applied, out_of_order, ..Moved::nowhere(done.to) })
        }
        Direction::Down(to) => {
            let done = migrations::revert(conn, tenant, schema, set, to.as_ref()).await?;
            Ok(Moved { from: done.from, reverted: done.reverted, ..Moved::nowhere(done.to) })
        }
    }
}

/// Connections of our own, outside the pool: each is counted, and closed when it has done its
/// share. There are never more than tenants under way.
struct Seats {
    options: PgConnectOptions,
    idle: Mutex<Vec<Seat>>,
}

struct Seat {
    conn: PgConnection,
    uses: u32,
}

impl Seats {
    fn new(pool: &PgPool) -> Self {
        Self { options: pool.connect_options().as_ref().clone(), idle: Mutex::new(Vec::new()) }
    }

    async fn take(&self) -> sqlx::Result<Seat> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match idle {
            Some(seat) => Ok(seat),
            None => Ok(Seat { conn: store::open(&self.options).await?, uses: 0 }),
        }
    }

    async fn put_back(&self, seat: Seat) {
        if seat.uses < CONNECTION_USES {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(seat);
        } else if let Err(e) = seat.conn.close().await {
            tracing::debug!("a connection of the fleet run did not close well: {e}");
        }
    }
}
