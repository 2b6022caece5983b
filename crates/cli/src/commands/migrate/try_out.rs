//! `tenantry migrate try`: tenant migrations in scratch tenants, before a tenant gets them.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
};

use clap::Args;
use serde_json::{Value, json};
use settings::{Settings, Tenants};
use tenantdb::{
    MigrationSet, shape,
    trial::{self, Fault, Pass, Trial, TrialError},
};

use super::{lint, tenant};
use crate::{
    connection::{Database, database_failure, refuse_copy},
    failure::{Done, Failure, Stop},
    show,
    stack::Signals,
};

#[derive(Debug, Args)]
pub(crate) struct Try {
    /// The folder [default: that of the settings, TENANT_MIGRATIONS_DIR]
    folder: Option<PathBuf>,
}

impl Try {
    /// Checks the files, then tries them out unless one is refused; exit code 1 if something is wrong.
    pub(super) async fn run(self, db: Database<'_>) -> anyhow::Result<Done> {
        let Database { json, settings, pool, .. } = db;
        refuse_copy(pool).await?;
        let folder = self.folder.or_else(|| settings.tenants.migrations_dir.clone());
        let findings = lint::findings(settings, folder.as_deref());
        if !findings.is_empty() {
            let found: Vec<Value> = findings.iter().map(lint::as_json).collect();
            let told = json!({ "ok": false, "findings": found, "passes": [], "no_down": [] });
            show::result(json, &told, || {
                lint::tell(&findings);
                show::line(format!("{}; nothing was applied", lint::counted(findings.len())));
            });
            return Ok(Done::WithFailures);
        }
        let set = load(settings, folder)?;
        let tried = match try_out(db, &set).await? {
            Ok(tried) => tried,
            Err(stop) => return Ok(Done::Stopped(stop)),
        };
        let ok = tried.faults().next().is_none();
        show::result(json, &as_json(&tried, ok), || tell(&tried));
        Ok(Done::well_if(ok))
    }
}

fn load(settings: &Settings, folder: Option<PathBuf>) -> anyhow::Result<MigrationSet> {
    let tenants = Tenants { migrations_dir: folder, ..settings.tenants.clone() };
    let loaded = worker::configured_migrations(&tenants);
    Ok(loaded.map_err(|e| Failure::new(telemetry::chain(&e)))?)
}

/// What the trial found, or the signal that stopped it.
async fn try_out(db: Database<'_>, set: &MigrationSet) -> anyhow::Result<Result<Trial, Stop>> {
    let mut conn = db.pool.acquire().await?;
    let installation = tenant::require_shared(&mut conn, set).await?;
    let mut signals = Signals::install()?;
    let stop = AtomicBool::new(false);
    let trial = trial::run(&mut conn, &installation, set, &stop);
    tokio::pin!(trial);
    let (tried, signal) = tokio::select! {
        tried = &mut trial => (tried, None),
        signal = signals.next() => {
            show::note("stopping: the scratch tenants are dropped once the current file has run");
            stop.store(true, Ordering::Relaxed);
            (trial.await, Some(signal))
        }
    };
    match (tried, signal) {
        (Ok(_) | Err(TrialError::Stopped), Some(signal)) => Ok(Err(signal)),
        (tried, _) => Ok(Ok(tried.map_err(|error| match error {
            TrialError::Database(error) => database_failure(&error),
            TrialError::Stopped => Failure::new(error.to_string()),
            TrialError::HasTenants => Failure::new(error.to_string())
                .advise("use a database without tenants, such as that of a new `tenantry dev --data-dir DIR`"),
        })?)),
    }
}

fn tell(tried: &Trial) {
    for fault in tried.faults() {
        show::line(telemetry::chain(fault));
    }
    for Pass { name, faults } in &tried.passes {
        let result = match faults {
            None => "did not run".to_owned(),
            Some(faults) if faults.is_empty() => "no faults".to_owned(),
            Some(faults) => show::counted(faults.len() as u64, "fault"),
        };
        show::line(format!("{}: {result}", name.replace('_', " ")));
    }
    if !tried.without_down.is_empty() {
        show::line(format!("no down file: {}", shape::listing(&tried.without_down)));
    }
}

fn as_json(tried: &Trial, ok: bool) -> Value {
    let fault = |fault: &Fault| {
        let because = fault.source.as_ref().map(|source| format!(": {}", telemetry::chain(source)));
        json!({ "file": fault.file, "code": fault.code,
            "message": format!("{}{}", fault.message, because.unwrap_or_default()) })
    };
    let pass = |pass: &Pass| {
        let faults = pass.faults.as_deref().unwrap_or_default();
        json!({ "pass": pass.name, "ran": pass.faults.is_some(),
            "faults": faults.iter().map(fault).collect::<Vec<_>>() })
    };
    json!({ "ok": ok, "findings": [], "passes": tried.passes.iter().map(pass).collect::<Vec<_>>(),
        "no_down": tried.without_down })
}
