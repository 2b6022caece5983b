//! The schemas of tenants, several at a time; one that fails does not stop the others.

mod operation;
mod outcome;
mod record;
pub(super) mod status;

use std::time::Duration;

use clap::{Args, Subcommand};
use domain::{Direction, InstallationId, SchemaName, codes};
use futures::{TryStreamExt as _, stream};
use operations::learning::{self, LearnError, Learnt, Relearnt};
use serde_json::json;
use settings::Settings;
use sqlx::{PgConnection, PgPool};
use store::tenants::{self, FleetTenant};
use tenantdb::{
    migrations::{MigrateError, MigrationSet, Target},
    share,
};

use super::{lint, shared, starter};
use crate::{
    actor::record,
    connection::{Database, database_failure, refuse_copy},
    failure::{Done, Failure},
    show,
};

/// Longest wait for a lock. A waiting `ALTER` blocks every reader behind it.
const LOCK_WAIT: Duration = Duration::from_secs(2);

#[derive(Debug, Subcommand)]
pub(crate) enum Tenant {
    /// Begin a folder of migrations: writes two into TENANT_MIGRATIONS_DIR, if it is empty
    Init {
        /// Not taken: `record` tells what a schema has, and `up` applies what is pending
        #[arg(long, value_name = "NAME", hide = true)]
        schema: Option<String>,
    },
    /// Record what tenants have where that record is missing
    ///
    /// The schema itself is not changed and not compared with the migrations: `tenantry doctor` compares it
    /// once all of them are applied.
    Record {
        #[command(flatten)]
        which: Which,
        /// The newest version that the schema has; 0 or none = nothing is applied [default: none, for an
        /// empty schema only]
        #[arg(long, value_name = "VERSION", requires = "schema", conflicts_with = "all")]
        at: Option<Target>,
    },
    /// Show what is applied and what is pending; exit 1 if something is pending
    Status {
        #[command(flatten)]
        which: Which,
    },
    /// Apply what is pending
    ///
    /// Submits an operation and works on it beside the workers. Interrupted, it goes on where workers have
    /// these migrations.
    Up {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        how: How,
        /// Show what is pending where, and change nothing; exit 1 if something is
        #[arg(long)]
        dry_run: bool,
    },
    /// Take the newest migration back, or all that are newer than a version
    Down {
        #[command(flatten)]
        which: Which,
        /// The version to go back to, which stays; 0 or none = before the first
        #[arg(long, value_name = "VERSION")]
        to: Option<Target>,
        /// Confirm: the tables and columns that these migrations added are dropped, with their data
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        how: How,
    },
    /// Check the files, and apply them to an empty schema in a transaction that is rolled back; exit 1
    /// if something is wrong
    Check,
    /// Record the edited files as correct; only for versions that no tenant has
    Relearn,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Which {
    /// This schema only
    #[arg(long, value_name = "NAME")]
    schema: Option<String>,
    /// Those of all active tenants
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct How {
    /// Tenants at a time [default: from the settings]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    concurrency: Option<u16>,
    /// Submit the operation and leave it to the workers that have these migrations
    #[arg(long, conflicts_with = "concurrency")]
    detach: bool,
    /// Migrate tenants too whose schema the last look found other than their migrations make it
    #[arg(long)]
    allow_drift: bool,
}

impl Tenant {
    /// Which command is meant by `init` with a schema.
    pub(super) fn is_another(&self) -> Option<Failure> {
        let Self::Init { schema: Some(schema) } = self else { return None };
        let schema = show::plain(schema);
        Some(Failure::usage("`tenantry migrate tenant init` writes a folder and takes no schema").advise(format!(
            "`tenantry migrate tenant up --schema {schema}` applies what is pending, `tenantry migrate tenant \
             record --schema {schema} --at VERSION` records what the schema has, and `tenantry submit` makes a tenant"
        )))
    }

    pub(super) async fn run(self, db: Database<'_>) -> anyhow::Result<Done> {
        let Database { settings, pool, .. } = db;
        if !matches!(self, Self::Check) {
            refuse_copy(pool).await?;
        }
        match self {
            Self::Check => lint::check(db).await,
            Self::Relearn => relearn(db).await,
            Self::Init { .. } => starter::run(db.json, settings),
            Self::Record { which, at } => {
                record::run(db, &set(settings)?, which.schema.as_deref(), at.as_ref()).await
            }
            Self::Status { which } => {
                status::show(db, &set(settings)?, which.schema.as_deref()).await
            }
            Self::Up { which, how, dry_run } => {
                let (set, schema) = (set(settings)?, which.schema.as_deref());
                if dry_run {
                    return would_be(db, &set, schema).await;
                }
                shared::before_tenants(settings, pool).await?;
                let Learnt { set, promise } = learn(pool, &set).await?;
                let wish = operation::Wish {
                    direction: Direction::Up,
                    to: None,
                    allow_drift: how.allow_drift,
                    set,
                    promise: Some(promise),
                    concurrency: how.lanes(settings),
                };
                operation::run(db, schema, wish).await
            }
            Self::Down { which, to, how, .. } => {
                let set = set(settings)?;
                if let Some(to) = &to {
                    to.keeps(&set).map_err(|e| no_version(&e))?;
                }
                let mut conn = pool.acquire().await?;
                learning::check_texts(&mut conn, &set).await.map_err(|e| unlearnt(&e))?;
                drop(conn);
                let wish = operation::Wish {
                    direction: Direction::Down,
                    to,
                    allow_drift: how.allow_drift,
                    set,
                    promise: None,
                    concurrency: how.lanes(settings),
                };
                operation::run(db, which.schema.as_deref(), wish).await
            }
        }
    }
}

/// Says what would be applied: to the application's schema first, then to tenants.
async fn would_be(
    db: Database<'_>,
    set: &MigrationSet,
    schema: Option<&str>,
) -> anyhow::Result<Done> {
    let is_current = shared::told_before_tenants(db.settings, db.pool).await?;
    if is_current {
        // With what they may need not yet there, they cannot be tried.
        learn(db.pool, set).await?;
    }
    let done = status::show(db, set, schema).await?;
    Ok(if is_current { done } else { Done::WithFailures })
}

impl How {
    /// Items that this process takes at a time.
    fn lanes(&self, settings: &Settings) -> usize {
        match self.detach {
            true => 0,
            false => self.concurrency.map_or(settings.tenants.fleet_concurrency, usize::from),
        }
    }
}

/// The migrations that the settings name. Says which those are.
fn set(settings: &Settings) -> anyhow::Result<MigrationSet> {
    let set = worker::configured_migrations(&settings.tenants).map_err(|e| {
        Failure::new(telemetry::chain(&e))
            .advise("correct the file; no tenant was looked at or changed")
    })?;
    let place = match &settings.tenants.migrations_dir {
        None => "the built-in migrations".to_owned(),
        Some(dir) => format!("migrations in {}", dir.display()),
    };
    let newest = status::version(set.head());
    show::note(format!("profile {}, {place}, newest version {newest}", settings.profile()));
    Ok(set)
}

/// What the migrations make of an empty schema; one that works nowhere is found out here.
async fn learn(pool: &PgPool, set: &MigrationSet) -> anyhow::Result<Learnt> {
    let mut conn = pool.acquire().await?;
    require_shared(&mut conn, set).await?;
    learning::learn(&mut conn, set).await.map_err(|e| unlearnt(&e).into())
}

/// Refuses to go on where something that the set shares is not there. Gives whose database it is.
pub(in crate::commands) async fn require_shared(
    conn: &mut PgConnection,
    set: &MigrationSet,
) -> anyhow::Result<InstallationId> {
    learning::require_shared(conn, set).await.map_err(|e| unlearnt(&e))?;
    let installation = store::installation(conn).await?;
    let missing = share::faults(conn, &installation, set.shared()).await?.missing;
    if missing.is_empty() {
        return Ok(installation);
    }
    Err(Failure::new(missing.join("; "))
        .advise("run `tenantry migrate public up`; no tenant was touched")
        .into())
}

fn no_version(error: &MigrateError) -> Failure {
    Failure::new(telemetry::chain(error))
        .advise("`none` takes all of them back; no tenant was touched")
        .with_problem(json!({ "code": "unknown_version" }))
}

fn unlearnt(error: &LearnError) -> Failure {
    match error {
        LearnError::Database(e) => database_failure(e),
        LearnError::NeedsShared(_) => Failure::new(telemetry::chain(error))
            .advise("set SHARED_MIGRATIONS_DIR; no tenant was touched")
            .with_problem(json!({ "code": codes::NEEDS_SHARED })),
        _ => {
            Failure::new(telemetry::chain(error)).advise("correct the file; no tenant was touched")
        }
    }
}

/// Accepts the files as they are, and says what is different.
async fn relearn(db: Database<'_>) -> anyhow::Result<Done> {
    let set = set(db.settings)?;
    let mut conn = db.pool.acquire().await?;
    let relearnt = learning::relearn(&mut conn, &set).await.map_err(|e| unlearnt(&e))?;
    let Relearnt { edited, differences } = &relearnt;
    let detail = json!({ "edited": edited, "differences": differences });
    record(&mut conn, None, "migrations.relearnt", detail.clone()).await?;
    if db.json {
        show::raw(&detail.to_string());
        return Ok(Done::Well);
    }
    for version in edited {
        show::line(format!("version {version} has another text now"));
    }
    for difference in differences {
        show::line(difference);
    }
    if edited.is_empty() && differences.is_empty() {
        show::line("the migrations are what this installation knows");
    }
    Ok(Done::Well)
}

/// The tenant of the fleet that has this schema.
pub(in crate::commands) async fn tenant_of(
    conn: &mut PgConnection,
    schema: &str,
) -> anyhow::Result<FleetTenant> {
    let name = SchemaName::parse(schema).map_err(|e| Failure::usage(format!("`{schema}`: {e}")))?;
    tenants::fleet_tenant(conn, &name).await?.ok_or_else(|| {
        Failure::new(format!("no active or suspended tenant has the schema `{schema}`"))
            .advise("`tenantry migrate tenant status --all` shows them")
            .into()
    })
}

/// Every active or suspended tenant.
pub(in crate::commands) async fn every_tenant(pool: &PgPool) -> anyhow::Result<Vec<FleetTenant>> {
    const PAGE: i64 = 1_000;
    let pages = stream::try_unfold(None, async |after| {
        let mut conn = pool.acquire().await?;
        let page = tenants::fleet_page(&mut conn, after, None, PAGE).await?;
        let next = page.last().map(|tenant| Some(tenant.id));
        Ok::<_, sqlx::Error>(next.map(|next| (page, next)))
    });
    Ok(pages.try_concat().await?)
}
