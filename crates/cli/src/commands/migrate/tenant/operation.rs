//! Migrates tenants by an operation. This process works on it beside the workers, so that it can run before
//! a release whose workers have the new migrations; and it may go away: they finish what is left then.

use std::{sync::Arc, time::Duration};

use domain::{Direction, Kind, Migrate, OperationId, Progress, Selector, TenantId};
use engine::{Runner, control};
use operations::{Executor, Making, Plans, migrate};
use queue::Bell;
use settings::Settings;
use store::{Connections, audit::By, operations::Selected, tenants::Place};
use tenantdb::{
    Promise,
    migrations::{MigrationSet, Target},
};
use tokio_util::sync::CancellationToken;

use super::{outcome, tenant_of};
use crate::{
    actor::actor,
    connection::{Database, database_failure},
    failure::{Done, Failure},
    show,
    stack::Signals,
};

const SAY_EVERY: Duration = Duration::from_secs(2);

/// Connections beside those of the items in work.
const OTHERS: u32 = 3;

/// Tenants after which a connection is replaced: a backend's caches grow with every schema it touches
/// (141 MB after 200 tenants, 503 MB after 800).
const CONNECTION_USES: u64 = 200;

pub(super) struct Wish {
    pub(super) direction: Direction,
    pub(super) to: Option<Target>,
    pub(super) allow_drift: bool,
    pub(super) set: MigrationSet,
    /// What the set makes of an empty schema, where something may be applied.
    pub(super) promise: Option<Promise>,
    /// Items that this process works on at a time; 0: it only submits.
    pub(super) concurrency: usize,
}

pub(super) async fn run(
    db: Database<'_>,
    schema: Option<&str>,
    wish: Wish,
) -> anyhow::Result<Done> {
    let database = settings::Database {
        max_connections: u32::try_from(wish.concurrency).unwrap_or(u32::MAX).saturating_add(OTHERS),
        ..db.settings.database.clone()
    };
    let options = db.pool.connect_options().as_ref().clone();
    let pool: Connections = store::pool(options, &database).into();
    let done = within(db, &pool, schema, wish).await;
    pool.close().await;
    done
}

async fn within(
    db: Database<'_>,
    pool: &Connections,
    schema: Option<&str>,
    wish: Wish,
) -> anyhow::Result<Done> {
    let (submitted, up_to_date) = submit(pool, schema, &wish).await?;
    let Some(id) = submitted else { return Ok(outcome::nothing(db.json, up_to_date)) };
    if wish.concurrency == 0 {
        return Ok(outcome::submitted(db.json, id));
    }
    let mut signals = Signals::install()?;
    let stop = CancellationToken::new();
    let work = work(db.settings, pool, id, wish, &stop);
    let watched = async {
        tokio::select! {
            done = work => done.map(|()| true),
            () = say_how_far(pool, id) => Ok(true),
        }
    };
    let mut watched = std::pin::pin!(watched);
    let finished = tokio::select! {
        done = &mut watched => done,
        _ = signals.next() => {
            show::note("finishing what has begun");
            stop.cancel();
            watched.await.map(|_| false)
        }
    };
    let finished = finished.map_err(|e| {
        database_failure(&e)
            .advise(format!("operation {id} goes on where workers have its migrations"))
    })?;
    if !finished {
        show::note(format!("operation {id} goes on: `tenantry operation watch {id}`"));
    }
    outcome::tell(db.json, pool, id, up_to_date).await
}

/// Records the operation, unless every tenant is up to date. Says how many are.
async fn submit(
    pool: &Connections,
    schema: Option<&str>,
    wish: &Wish,
) -> anyhow::Result<(Option<OperationId>, u64)> {
    let (direction, set) = (wish.direction, wish.set.hash().to_owned());
    let place = Place { set_hash: set.clone(), version: wish.set.head().cloned() };
    let to = wish.to.as_ref().map(ToString::to_string);
    let migrate = Migrate { direction, set, to, allow_drift: wish.allow_drift };
    let params = serde_json::to_value(migrate)?;
    let mut tx = pool.begin().await?;
    let one = match schema {
        None => None,
        Some(schema) => Some([tenant_of(&mut tx, schema).await?.id]),
    };
    let (selector, all) = (Selector::default(), Selector::all());
    let asked = control::Asked {
        id: OperationId::mint(),
        kind: Kind::Migrate,
        params: &params,
        tenants: one.as_ref().map(<[TenantId; 1]>::as_slice),
        inputs: None,
        selector: if one.is_some() { &selector } else { &all },
        with_version: &[],
        but_at: (direction == Direction::Up).then_some(&place),
        run_at: None,
        rollout: None,
        created_by: None,
    };
    let everybody = control::Asked { but_at: None, ..asked.clone() };
    let there = control::look(&mut tx, &everybody).await.map_err(refused)?;
    let (actor, Selected { tenants, .. }) = (actor(), there);
    let admitted = control::admit(&mut tx, By::process(&actor), &asked, None).await;
    if !admitted.map_err(refused)? {
        drop(tx);
        control::nothing_to_migrate(pool, By::process(&actor), &asked).await?;
        return Ok((None, tenants));
    }
    let id = asked.id;
    let total = store::operations::find(&mut tx, id).await?;
    tx.commit().await?;
    queue::ring(pool, Bell::Jobs).await;
    let total = total.map_or(0, |operation| operation.total);
    Ok((Some(id), tenants.saturating_sub(total)))
}

fn refused(error: control::ControlError) -> anyhow::Error {
    match error {
        control::ControlError::Database(e) => e.into(),
        other => Failure::new(other.to_string()).into(),
    }
}

/// Works on the operation as a worker of its own, until it is over.
async fn work(
    settings: &Settings,
    pool: &Connections,
    id: OperationId,
    wish: Wish,
    stop: &CancellationToken,
) -> sqlx::Result<()> {
    let worker = format!("{}.{}", actor(), OperationId::mint());
    let rules = worker::rules(&settings.worker);
    let migrating = migrate::Migrating {
        migrations: Arc::new(wish.set),
        promise: wish.promise.map(Arc::new),
        making: Making::default(),
    };
    let plans =
        Plans::migrating(&Arc::new(migrating)).expect("the plan is sound: a test builds it");
    let by = plans.claimant(&worker, rules.dead_after);
    let (host, version) = (worker::host(), env!("CARGO_PKG_VERSION"));
    let mut conn = pool.acquire().await?;
    store::workers::register(&mut conn, &by, &host, std::process::id(), version).await?;
    drop(conn);
    // Its stages have limits of their own.
    let limits = migrate::limits();
    let runner = Runner::new(pool.clone(), limits, CONNECTION_USES);
    let executor = Executor::new(pool.clone(), runner, plans.for_good(), rules, worker);
    operations::carry_out(&executor, id, wish.concurrency, stop).await
}

/// Says how far the operation is, for as long as it is asked.
async fn say_how_far(pool: &Connections, id: OperationId) {
    loop {
        tokio::time::sleep(SAY_EVERY).await;
        let Ok(mut conn) = pool.acquire().await else { continue };
        let Ok(Some(counts)) = store::operations::count(&mut conn, id).await else { continue };
        let Progress { total, succeeded, failed, .. } = counts.progress;
        show::note(format!("  {} of {total} tenants so far, {failed} failed", succeeded + failed));
    }
}
