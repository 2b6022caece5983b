//! The shared schema.

use anyhow::Context as _;
use clap::Subcommand;
use domain::DatabaseMode;
use serde_json::json;

use crate::{
    actor::{actor, record},
    connection::{Database, refuse_copy},
    failure::Done,
    show::{self, Table, short_time},
    stack::install::{Installed, install},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Public {
    /// Show what is applied and what is pending; exit 1 if something is pending
    Status,
    /// Bring schema, queue and roles to the newest version; exit 1 if a tenant has no record of its applied
    /// migrations then
    ///
    /// Chooses at the first time: a database that no other role uses becomes Tenantry's own, and
    /// PUBLIC loses its rights on it; in another one PUBLIC keeps them, and it is shared. Later it
    /// stays as it was chosen.
    Up {
        /// Make the database Tenantry's own: revoke PUBLIC's rights, and grant the roles that lose
        /// any the same by name
        #[arg(long, conflicts_with = "shared")]
        revoke_public: bool,
        /// Leave PUBLIC its rights: other applications use the database
        #[arg(long)]
        shared: bool,
    },
    /// Take the newest migration back
    Down {
        /// Confirm: the tables and columns that it added are dropped, with their data
        #[arg(long)]
        yes: bool,
    },
}

impl Public {
    pub(super) async fn run(self, db: Database<'_>) -> anyhow::Result<Done> {
        let Database { settings, pool, .. } = db;
        match self {
            Self::Status => status(db, None).await,
            Self::Up { revoke_public, shared } => {
                let wanted = match (revoke_public, shared) {
                    (true, _) => Some(DatabaseMode::Own),
                    (_, true) => Some(DatabaseMode::Shared),
                    _ => None,
                };
                let installed = install(pool, wanted, &settings.tenants).await?;
                record(&mut *pool.acquire().await?, None, "schema.migrated", json!({})).await?;
                status(db, Some(&installed)).await
            }
            Self::Down { .. } => down(db).await,
        }
    }
}

async fn status(db: Database<'_>, installed: Option<&Installed>) -> anyhow::Result<Done> {
    let migrations = store::public_migrations(db.pool).await?;
    let queue = queue::is_set_up(db.pool).await?;
    let state = |m: &store::PublicMigration| match (m.applied_at, m.edited) {
        (_, true) => "edited",
        (Some(_), false) => "applied",
        (None, false) => "pending",
    };
    let current = queue && migrations.iter().all(|m| state(m) == "applied");
    let complete = installed.is_none_or(Installed::is_complete);
    if db.json {
        let rows: Vec<_> = migrations
            .iter()
            .map(|m| {
                json!({ "version": m.version, "description": m.description, "state": state(m),
                    "applied_at": m.applied_at })
            })
            .collect();
        let mut told = json!({ "migrations": rows, "queue": queue, "current": current });
        if let Some(installed) = installed {
            told["mode"] = json!(installed.mode);
            told["public"] = installed.json();
            told["ledger"] = installed.ledger_json();
        }
        show::raw(&told.to_string());
        return Ok(Done::well_if(current && complete));
    }
    let mut table = Table::new(&[">version", "description", "state", "applied"]);
    for migration in &migrations {
        table.row([
            migration.version.to_string(),
            migration.description.clone(),
            state(migration).to_owned(),
            short_time(migration.applied_at),
        ]);
    }
    table.print();
    show::line(if queue { "the queue is set up" } else { "the queue is not set up" });
    if let Some(installed) = installed {
        installed.tell(&|text| show::line(text));
        installed.tell_carried_over();
    }
    if !current {
        show::note("`tenantry migrate public up` brings it up to date");
    }
    Ok(Done::well_if(current && complete))
}

async fn down(db: Database<'_>) -> anyhow::Result<Done> {
    refuse_copy(db.pool).await?;
    let reverted = store::revert_last(db.pool, &actor()).await;
    let reverted = reverted.context("could not take the migration back")?;
    show::result(db.json, &json!({ "reverted": reverted }), || match reverted {
        Some(version) => show::line(format!("migration {version} is taken back")),
        None => show::line("there is no migration to take back"),
    });
    Ok(Done::Well)
}
