//! What a fleet migration came to.

use std::time::Duration;

use domain::Version;
use operations::{FleetError, FleetOutcome, Moved, Recorded};
use serde_json::json;

use crate::{
    args::Global,
    failure::Done,
    show::{self, Table},
};

/// Up to so many tenants, each has its row; of more, those that failed.
const SHOWN: usize = 40;

/// Up to so many versions of one tenant are named each.
const NAMED: usize = 5;

/// Prints a table and a summary.
pub(super) fn tell(global: &Global, mut outcomes: Vec<FleetOutcome>, took: Duration) -> Done {
    outcomes.sort_by_key(|outcome| outcome.tenant);
    let failed = outcomes.iter().filter(|o| o.result.is_err()).count();
    let moved = outcomes.iter().filter(|o| o.result.as_ref().is_ok_and(Moved::changed)).count();
    if global.json {
        print_json(&outcomes);
        return Done::well_if(failed == 0);
    }
    let has_record = |moved: &Moved| moved.recorded.is_some();
    let recorded = outcomes.iter().any(|o| o.result.as_ref().is_ok_and(has_record));
    let all = outcomes.len() <= SHOWN;
    let mut table = Table::new(&[">id", "schema", ">from", ">to", "result"]);
    for outcome in outcomes.iter().filter(|o| all || o.result.is_err()) {
        table.row(row(outcome));
    }
    if all || failed > 0 {
        table.print();
    }
    show::line(format!(
        "{} tenants: {moved} {}, {} up to date, {failed} failed, in {}",
        outcomes.len(),
        if recorded { "recorded" } else { "migrated" },
        outcomes.len() - moved - failed,
        show::duration(took),
    ));
    if failed > 0 {
        show::note("Failed tenants were not changed. Correct the cause and run it again.");
    }
    Done::well_if(failed == 0)
}

fn row(outcome: &FleetOutcome) -> [String; 5] {
    let (from, to, result) = match &outcome.result {
        Ok(moved) => (version(&moved.from), version(&moved.to), done(moved)),
        Err(error) => ("–".to_owned(), "–".to_owned(), telemetry::chain(error)),
    };
    [outcome.tenant.to_string(), outcome.schema.as_str().to_owned(), from, to, result]
}

fn version(version: &Option<Version>) -> String {
    version.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string)
}

/// Which versions were applied or taken back; those that came late by name.
fn done(moved: &Moved) -> String {
    if let Some(Recorded { has, pending }) = &moved.recorded {
        let has = match has.as_slice() {
            [] => "none".to_owned(),
            [only] => only.to_string(),
            [first, .., last] => format!("{first} to {last}"),
        };
        let verb = if *pending == 1 { "is" } else { "are" };
        return format!("recorded: has {has}; {pending} {verb} pending");
    }
    let late = |version: &Version| moved.out_of_order.contains(version);
    let applied = moved.applied.iter().map(|version| match late(version) {
        true => format!("applied {version} (out of order)"),
        false => format!("applied {version}"),
    });
    let reverted = moved.reverted.iter().map(|version| format!("took back {version}"));
    let path = moved.path_changed.then(|| "changed its search path".to_owned());
    let done: Vec<String> = applied.chain(reverted).chain(path).collect();
    match done.as_slice() {
        [] => "up to date".to_owned(),
        // a new tenant of a long set
        [first, .., last] if done.len() > NAMED => format!("{first} … {last}"),
        _ => done.join(", "),
    }
}

fn print_json(outcomes: &[FleetOutcome]) {
    let rows: Vec<_> = outcomes
        .iter()
        .map(|outcome| {
            let moved = outcome.result.as_ref().ok();
            json!({
                "tenant_id": outcome.tenant,
                "schema": outcome.schema.as_str(),
                "from": moved.map(|m| &m.from),
                "to": moved.map(|m| &m.to),
                "applied": moved.map(|m| &m.applied),
                "out_of_order": moved.map(|m| &m.out_of_order),
                "reverted": moved.map(|m| &m.reverted),
                "path_changed": moved.map(|m| m.path_changed),
                "recorded": moved.map(|m| m.recorded.as_ref().map(|recorded| &recorded.has)),
                "code": outcome.result.as_ref().err().and_then(FleetError::code),
                "error": outcome.result.as_ref().err().map(|e| telemetry::chain(e)),
            })
        })
        .collect();
    show::raw(&json!({ "tenants": rows }).to_string());
}
