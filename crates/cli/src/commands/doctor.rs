//! `tenantry doctor`: what is wrong in a live system, and repairs of what one names.

use std::time::Duration;

use clap::{
    Args,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};
use doctor::{Depth, ExamineError, FixError, Fixed, Kind, Report, Scope};
use serde_json::json;
use settings::Settings;
use tenantdb::migrations::LoadError;

use super::roll_master;
use crate::{
    actor::actor,
    connection::{self, Database},
    failure::{Done, Failure},
    show::{self, Table},
};

/// Findings of one kind that people are shown; programs get more.
const SHOWN: u64 = 20;

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Repair faults of this kind; may be given several times. Nothing else is changed
    #[arg(long, value_name = "WHAT", value_parser = fixable())]
    fix: Vec<Kind>,
    /// Check the schemas of all tenants, not only of some
    #[arg(long)]
    all_tenants: bool,
    /// Ignore younger faults that workers repair by themselves, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    grace: u64,
}

/// The names of what can be repaired, with what the repair does.
fn fixable() -> impl TypedValueParser<Value = Kind> {
    let names = Kind::ALL.iter().filter_map(|kind| {
        kind.repair().map(|repair| PossibleValue::new(kind.as_str()).help(repair))
    });
    PossibleValuesParser::new(names).try_map(|name| name.parse::<Kind>())
}

impl Doctor {
    /// Repairs what is named, then looks at everything. Well when nothing is wrong any more.
    pub(crate) async fn run(self, db: Database<'_>) -> anyhow::Result<Done> {
        let Database { settings, pool, .. } = db;
        let mut scope = self.scope(settings)?;
        connection::refuse_copy(pool).await?;
        scope.sealer = roll_master::sealer_if_set(settings, pool).await?;
        let mut kinds = self.fix;
        kinds.sort_unstable();
        kinds.dedup();
        let mut fixed = Vec::new();
        for kind in kinds {
            fixed.push(doctor::fix(pool, kind, &scope, &actor()).await.map_err(|e| unfixed(&e))?);
        }
        let report = doctor::examine(pool, &scope).await.map_err(|e| unexamined(&e))?;
        let told = json!({ "ok": report.is_clean(), "fixed": fixed, "findings": report.findings,
            "found": report.found, "checked": report.checked });
        show::result(db.json, &told, || tell(&fixed, &report));
        Ok(Done::well_if(report.is_clean()))
    }

    fn scope(&self, settings: &Settings) -> anyhow::Result<Scope> {
        let unread = |e: LoadError| {
            Failure::new(telemetry::chain(&e)).advise("correct the file; nothing was examined")
        };
        let migrations = worker::configured_migrations(&settings.tenants).map_err(unread)?;
        let shared = worker::shared_migrations(&settings.tenants).map_err(unread)?;
        let mut scope = Scope::new(migrations);
        scope.shared_migrations = shared.map(|shared| shared.set);
        scope.grace = Duration::from_secs(self.grace);
        scope.connection_limit = settings.tenants.connection_limit;
        scope.application_role = settings.tenants.application_role.clone();
        scope.application_role_limit = settings.tenants.application_role_limit;
        scope.dead_after = Duration::from_millis(settings.worker.dead_after_ms);
        if self.all_tenants {
            scope.depth = Depth::All;
        }
        Ok(scope)
    }
}

fn tell(fixed: &[Fixed], report: &Report) {
    for Fixed { kind, done, refused } in fixed {
        show::line(format!("{kind}: repaired {}, refused {}", done.len(), refused.len()));
        for refusal in refused.iter().take(SHOWN as usize) {
            show::line(format!("  left {}: {}", refusal.subject, refusal.reason));
        }
    }
    if !report.findings.is_empty() {
        let mut table = Table::new(&["=kind", "~what is wrong", "=repair"]);
        for kind in report.found.keys() {
            let findings = report.findings.iter().filter(|finding| finding.kind == *kind);
            for finding in findings.take(SHOWN as usize) {
                let repair = show::or_dash(finding.fixable.then(|| format!("--fix {kind}")));
                table.row([kind.to_string(), finding.sentence.clone(), repair]);
            }
        }
        table.print();
    }
    for (kind, found) in report.found.iter().filter(|(_, found)| **found > SHOWN) {
        show::line(format!("{} more of {kind}", found - SHOWN));
    }
    show::line(summary(report));
}

fn summary(report: &Report) -> String {
    let verdict = match report.wrong() {
        0 if !report.found.is_empty() => "nothing is wrong but what is told above".to_owned(),
        0 => "nothing is wrong".to_owned(),
        1 => "1 thing is wrong".to_owned(),
        found => format!("{found} things are wrong"),
    };
    let it = &report.checked;
    let hint = if it.verified < it.active { ", --all-tenants for all" } else { "" };
    let depth = format!("role and rights of {}, each object of {}{hint}", it.active, it.verified);
    format!(
        "{verdict}; looked at {} tenants ({depth}), {} schemas, {} roles, {} live keys, \
         {} operations, {} items, {} live jobs",
        it.tenants, it.schemas, it.roles, it.keys, it.operations, it.items, it.jobs,
    )
}

pub(super) fn unexamined(error: &ExamineError) -> Failure {
    match error {
        ExamineError::NotMigrated => Failure::new(error.to_string())
            .advise("`tenantry migrate public up` brings it up to date"),
        ExamineError::NoInstallation => Failure::new(error.to_string()).advise(
            "put it back: `insert into tenantry.installation (id) values ('…')`, with the 8 digits \
             between `tn_` and `_tenants` in the name of the tenants' group",
        ),
        ExamineError::Migrations(_) => Failure::new(telemetry::chain(error))
            .advise("correct the file; TENANT_MIGRATIONS_DIR says where it is"),
        ExamineError::Database { source, .. } => connection::database_failure(source),
    }
}

fn unfixed(error: &FixError) -> Failure {
    match error {
        FixError::Examine(error) => unexamined(error),
        FixError::Database(source) => connection::database_failure(source),
        FixError::NotFixable(_) => Failure::new(telemetry::chain(error)),
    }
}
