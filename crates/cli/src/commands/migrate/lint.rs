//! `tenantry migrate lint` and `tenantry migrate tenant check`: what is wrong with tenant migrations.

use std::path::{Path, PathBuf};

use clap::Args;
use operations::learning;
use serde_json::{Value, json};
use settings::Settings;
use sqlx::PgPool;
use tenantdb::{
    Promise,
    migrations::{LoadError, MigrationSet},
};

use crate::{
    args::Global,
    connection::Database,
    failure::{Done, Failure},
    show,
};

#[derive(Debug, Args)]
pub(crate) struct Lint {
    /// The folder [default: those of the settings, TENANT_MIGRATIONS_DIR and SHARED_MIGRATIONS_DIR]
    folder: Option<PathBuf>,
}

impl Lint {
    /// Shows every finding of every file; exit code 1 if there is one.
    pub(super) fn run(&self, global: &Global, settings: &Settings) -> Done {
        let folder = self.folder.as_deref().or(settings.tenants.migrations_dir.as_deref());
        let findings = match &self.folder {
            Some(folder) => findings(settings, Some(folder)),
            None => all_findings(settings),
        };
        if global.json {
            let found: Vec<Value> = findings.iter().map(as_json).collect();
            show::raw(&json!({ "ok": findings.is_empty(), "findings": found }).to_string());
        } else {
            tell(&findings);
            let mut place =
                folder.map_or("the built-in migrations".to_owned(), |f| f.display().to_string());
            let shared = settings.tenants.shared_migrations_dir.as_ref();
            if let Some(shared) = shared.filter(|_| self.folder.is_none()) {
                place += &format!(" and {}", shared.display());
            }
            show::line(format!("{place}: {}", counted(findings.len())));
        }
        Done::well_if(findings.is_empty())
    }
}

/// The built-in migrations have none: a test holds that.
pub(super) fn findings(settings: &Settings, folder: Option<&Path>) -> Vec<LoadError> {
    let reading = worker::reading(&settings.tenants);
    folder.map(|folder| MigrationSet::lint(folder, reading)).unwrap_or_default()
}

/// Those of the folders that the settings name: of tenants, of shared migrations, and between the two.
fn all_findings(settings: &Settings) -> Vec<LoadError> {
    let tenants = &settings.tenants;
    let mut found = findings(settings, tenants.migrations_dir.as_deref());
    let Some(folder) = &tenants.shared_migrations_dir else { return found };
    found.extend(MigrationSet::lint(folder, worker::shared_reading(tenants)));
    let sets = (worker::configured_migrations(tenants), worker::shared_migrations(tenants));
    if let (Ok(set), Ok(Some(shared))) = sets {
        found.extend(unknown_needs(&set, &shared.set));
    }
    found
}

/// Marks `needs shared:` of versions that are none of the shared migrations.
fn unknown_needs(set: &MigrationSet, shared: &MigrationSet) -> Vec<LoadError> {
    let unknown = set.iter().filter_map(|migration| {
        let version = migration.needs_shared().filter(|it| shared.place(it).is_none())?;
        let message =
            format!("needs shared migration {version}, which SHARED_MIGRATIONS_DIR has not");
        let (file, code) = (migration.file().to_owned(), "unknown_shared");
        Some(LoadError { file, line: 1, code, message, more: 0, source: None })
    });
    unknown.collect()
}

pub(super) fn tell(findings: &[LoadError]) {
    for finding in findings {
        show::line(telemetry::chain(finding));
    }
}

pub(super) fn counted(findings: usize) -> String {
    if findings == 0 { "no findings".to_owned() } else { show::counted(findings as u64, "finding") }
}

pub(super) fn as_json(finding: &LoadError) -> Value {
    let because = finding.source.as_ref().map(|source| format!(": {source}")).unwrap_or_default();
    json!({ "file": finding.file, "line": finding.line, "code": finding.code,
        "message": format!("{}{because}", finding.message) })
}

/// Checks the files, then applies them to an empty schema in a transaction that is rolled back.
pub(super) async fn check(db: Database<'_>) -> anyhow::Result<Done> {
    let Database { settings, pool, .. } = db;
    let findings = all_findings(settings);
    let refused = if findings.is_empty() { apply(settings, pool).await? } else { Vec::new() };
    let ok = findings.is_empty() && refused.is_empty();
    if db.json {
        let found: Vec<Value> = findings.iter().map(as_json).collect();
        show::raw(&json!({ "ok": ok, "findings": found, "errors": refused }).to_string());
        return Ok(Done::well_if(ok));
    }
    tell(&findings);
    for error in &refused {
        show::line(error);
    }
    if ok {
        show::line("the migrations build an empty schema, and the same in a second one");
    } else if refused.is_empty() {
        show::line(format!("{}; nothing was applied", counted(findings.len())));
    }
    Ok(Done::well_if(ok))
}

/// What the server refuses, or what is different in a second schema.
async fn apply(settings: &Settings, pool: &PgPool) -> anyhow::Result<Vec<String>> {
    let set = worker::configured_migrations(&settings.tenants)
        .map_err(|e| Failure::new(telemetry::chain(&e)))?;
    let mut conn = pool.acquire().await?;
    if let Err(error) = learning::require_shared(&mut conn, &set).await {
        return Ok(vec![telemetry::chain(&error)]);
    }
    let promise = match Promise::learn(&mut conn, &set).await {
        Ok(promise) => promise,
        Err(error) => return Ok(vec![telemetry::chain(&error)]),
    };
    let different = |sentence: String| format!("in a second schema, {sentence}");
    Ok(match promise.repeats(&mut conn, &set).await {
        Ok(differences) => differences.into_iter().map(different).collect(),
        Err(error) => vec![telemetry::chain(&error)],
    })
}
