//! The application's own tables, which all tenants share: `tenantry migrate shared`.

use clap::Subcommand;
use operations::{SharedError, SharedMigrations};
use serde_json::json;
use settings::Settings;
use sqlx::PgPool;
use std::time::Duration;
use tenantdb::{
    ledger,
    migrations::{Migration, Target},
    share,
};

use super::tenant::status;
use crate::{
    actor::actor,
    args::Global,
    commands::config_check,
    connection::{Database, database_failure, refuse_copy, with_database},
    failure::{Done, Failure},
    show::{self, short_time},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Shared {
    /// Show what is applied and what is pending; exit 1 if something is pending
    Status,
    /// Apply what is pending, and let tenants read what `tenants.shared_tables` lists of it
    ///
    /// `tenantry migrate tenant up` and `tenantry rollout start` do the same first.
    Up {
        /// The newest version to apply [default: all]
        #[arg(long, value_name = "VERSION")]
        to: Option<Target>,
        /// Show what is pending, and change nothing; exit 1 if something is
        #[arg(long)]
        dry_run: bool,
    },
    /// Take back all that is newer than a version
    Down {
        /// The version to go back to, which stays; 0 or none = before the first
        #[arg(long, value_name = "VERSION")]
        to: Target,
        /// Confirm: the tables and columns that these migrations added are dropped, with their data
        #[arg(long)]
        yes: bool,
    },
}

impl Shared {
    pub(super) async fn run(self, db: Database<'_>) -> anyhow::Result<Done> {
        let Database { settings, pool, .. } = db;
        let shared = configured(settings)?.ok_or_else(|| {
            Failure::usage("SHARED_MIGRATIONS_DIR is not set: there are no shared migrations")
                .advise("set it to a folder of migrations of your application's own tables")
        })?;
        refuse_copy(pool).await?;
        match self {
            Self::Status => show_status(db, &shared).await,
            Self::Up { to, dry_run: true } => {
                let mut conn = pool.acquire().await?;
                let pending = shared.pending(&mut conn, to.as_ref()).await.map_err(failed)?;
                let told =
                    json!({ "schema": shared.schema.as_str(), "pending": versions(&pending) });
                show::result(db.json, &told, || tell_pending(&shared, &pending, show::line));
                Ok(Done::well_if(pending.is_empty()))
            }
            Self::Up { to, .. } => {
                let applied = apply(settings, pool, &shared, to.as_ref()).await?;
                let told = json!({ "schema": shared.schema.as_str(), "applied": applied });
                show::result(db.json, &told, || {
                    show::line(done(&shared, "applied", &applied, "up to date"));
                });
                Ok(Done::Well)
            }
            Self::Down { to, .. } => {
                let dead_after = Duration::from_millis(settings.worker.dead_after_ms);
                let reverted =
                    shared.down(pool, &actor(), &to, dead_after).await.map_err(failed)?;
                let told = json!({ "schema": shared.schema.as_str(), "reverted": reverted });
                show::result(db.json, &told, || {
                    show::line(done(&shared, "took back", &reverted, "nothing to take back"));
                });
                Ok(Done::Well)
            }
        }
    }
}

/// The shared migrations that the settings name; `None`: none.
fn configured(settings: &Settings) -> anyhow::Result<Option<SharedMigrations>> {
    worker::shared_migrations(&settings.tenants).map_err(|e| {
        let failure = Failure::new(telemetry::chain(&e));
        failure.advise("correct the file; no schema was looked at or changed").into()
    })
}

/// Brings the application's schema to the newest version, where the settings name shared migrations: tenants'
/// migrations may need it, so this comes first, and nothing of theirs begins when it fails.
pub(crate) async fn before_tenants(settings: &Settings, pool: &PgPool) -> anyhow::Result<()> {
    let Some(shared) = configured(settings)? else { return Ok(()) };
    refuse_copy(pool).await?;
    let applied = apply(settings, pool, &shared, None).await?;
    show::note(done(&shared, "applied", &applied, "up to date"));
    Ok(())
}

/// Says what [`before_tenants`] would apply; false: something.
pub(in crate::commands) async fn told_before_tenants(
    settings: &Settings,
    pool: &PgPool,
) -> anyhow::Result<bool> {
    let Some(shared) = configured(settings)? else { return Ok(true) };
    let mut conn = pool.acquire().await?;
    let pending = shared.pending(&mut conn, None).await.map_err(failed)?;
    tell_pending(&shared, &pending, show::note);
    Ok(pending.is_empty())
}

/// [`before_tenants`] of a rollout, which the API submits; or says what it would apply, if it `only_look`s.
pub(in crate::commands) async fn first(global: &Global, only_look: bool) -> anyhow::Result<()> {
    if config_check::load()?.tenants.shared_migrations_dir.is_none() {
        return Ok(());
    }
    with_database(global, async |db| match only_look {
        true => told_before_tenants(db.settings, db.pool).await.map(drop),
        false => before_tenants(db.settings, db.pool).await,
    })
    .await
}

/// Applies what is pending, and grants tenants what the settings list of it.
async fn apply(
    settings: &Settings,
    pool: &PgPool,
    shared: &SharedMigrations,
    to: Option<&Target>,
) -> anyhow::Result<Vec<domain::Version>> {
    let applied = shared.up(pool, &actor(), to).await.map_err(failed)?;
    let mut conn = pool.acquire().await?;
    let installation = store::installation(&mut conn).await?;
    share::grant(&mut conn, &installation, &worker::shared(&settings.tenants)).await.map_err(|e| {
        Failure::new(format!(
            "the shared migrations are applied, and tenants could not be given their right to read: {}",
            telemetry::chain(&e)
        ))
        .advise("`tenantry migrate public up` says what is missing")
    })?;
    Ok(applied)
}

async fn show_status(db: Database<'_>, shared: &SharedMigrations) -> anyhow::Result<Done> {
    let mut conn = db.pool.acquire().await?;
    // Another schema than the one that has them.
    shared.standing(&mut conn).await.map_err(failed)?;
    let entry = ledger::application(&mut conn).await?;
    let schema = shared.schema.as_str();
    Ok(status::of_schema(db.json, schema, &shared.set, entry.as_ref(), |is_current| {
        let at = entry.as_ref().map(|entry| short_time(Some(entry.applied_at)));
        let last = at.map(|at| format!(", last migrated {at}")).unwrap_or_default();
        show::line(format!("schema {schema}{last}"));
        if !is_current {
            show::note("`tenantry migrate shared up` applies what is pending");
        }
    }))
}

fn versions(files: &[&Migration]) -> Vec<String> {
    files.iter().map(|file| file.version().to_string()).collect()
}

fn tell_pending(shared: &SharedMigrations, pending: &[&Migration], tell: fn(String)) {
    let schema = shared.schema.as_str();
    match pending.is_empty() {
        true => tell(format!("shared migrations, schema {schema}: up to date")),
        false => tell(format!(
            "shared migrations, schema {schema}: would apply {} first",
            versions(pending).join(", ")
        )),
    }
}

/// What was done to the schema, or `nothing`.
fn done(shared: &SharedMigrations, verb: &str, what: &[domain::Version], nothing: &str) -> String {
    let schema = shared.schema.as_str();
    let what: Vec<&str> = what.iter().map(domain::Version::as_str).collect();
    match what.is_empty() {
        true => format!("shared migrations, schema {schema}: {nothing}"),
        false => format!("shared migrations, schema {schema}: {verb} {}", what.join(", ")),
    }
}

fn failed(error: SharedError) -> anyhow::Error {
    let code = error.code();
    let advice = match &error {
        SharedError::Database(error) => return database_failure(error).into(),
        SharedError::Migrate { .. } => "correct the cause and run it again; no tenant was touched",
        SharedError::OtherSchema { .. } => "set `tenants.shared_schema` back: tables are not moved",
        SharedError::Unfit { .. } => "correct this; nothing was changed",
        SharedError::Needed { .. } => {
            "take the tenants back first, and stop the workers that have these migrations"
        }
    };
    let failure = Failure::new(telemetry::chain(&error)).advise(advice);
    failure.with_problem(json!({ "code": code })).into()
}
