//! Operations and their items as tables and as a sentence.

use std::time::Duration;

use chrono::{DateTime, Utc};
use contract::{
    ItemError, ItemResult, OpenEnum, OperationStatus, OperationSummary, Outcome, ResultForm,
};
use domain::{Kind, OperationId, OperationState, Progress};

use super::{Table, domain, duration, or_dash, short_time};
use crate::client::Under;

pub(crate) fn operation_table(
    under: Under,
    id: OperationId,
    kind: &OpenEnum<Kind>,
    it: &OperationStatus,
) -> Table {
    let row = [
        id.to_string(),
        kind.to_string(),
        standing(&it.state, it.paused, it.run_at),
        it.mode.to_string(),
        counts(&it.progress.counts),
        short_time(Some(it.created_at)),
        or_dash(it.processing_time().map(duration)),
    ];
    table(under, "~tenants", [row])
}

pub(crate) fn operations_table(under: Under, operations: &[OperationSummary]) -> Table {
    let row = |OperationSummary { operation_id, kind, status: it, .. }: &OperationSummary| {
        // From its first tenant's start to its last one's end.
        let took = || (it.finished_at? - it.started_at?).to_std().ok();
        [
            operation_id.to_string(),
            kind.to_string(),
            standing(&it.state, it.paused, it.run_at),
            it.mode.to_string(),
            it.total.to_string(),
            short_time(Some(it.created_at)),
            or_dash(took().map(duration)),
        ]
    };
    table(under, ">tenants", operations.iter().map(row))
}

/// Batches are of one kind, and operations of other kinds have one mode: neither is worth a column.
fn table(
    under: Under,
    tenants: &'static str,
    rows: impl IntoIterator<Item = [String; 7]>,
) -> Table {
    let (id, left_out) = match under {
        Under::Batches => ("=batch", 1),
        Under::Operations => ("=operation", 3),
    };
    let mut columns = vec![id, "=kind", "~status", "??mode", tenants, "?=created", "?>took"];
    columns.remove(left_out);
    let mut table = Table::new(&columns);
    for row in rows {
        let mut row = row.to_vec();
        row.remove(left_out);
        table.row(row);
    }
    table
}

/// Its state, and what holds it up.
fn standing(
    state: &OpenEnum<OperationState>,
    paused: bool,
    run_at: Option<DateTime<Utc>>,
) -> String {
    match run_at {
        _ if paused => format!("{state}, paused"),
        Some(at) if *state == OperationState::Queued => {
            format!("{state} until {}", short_time(Some(at)))
        }
        _ => state.to_string(),
    }
}

/// `200 succeeded`, `198 succeeded, 2 failed`, `3 queued, 8 running, 189 succeeded`.
pub(crate) fn counts(progress: &Progress) -> String {
    let words = [
        (progress.queued, "queued"),
        (progress.running, "running"),
        (progress.retrying, "retrying"),
        (progress.succeeded, "succeeded"),
        (progress.failed, "failed"),
        (progress.cancelled, "cancelled"),
        (progress.rolled_back, "rolled back"),
    ];
    let parts: Vec<String> =
        words.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") }
}

/// ` in 4.2 s (46 tenants/s)`, without the rate where nothing was made.
fn pace(progress: &Progress, took: Duration) -> String {
    if took.is_zero() {
        return String::new();
    }
    let seconds = took.as_secs_f64();
    let took = duration(took);
    // As many as a double holds exactly; a batch has 10,000.
    let made = f64::from(u32::try_from(progress.succeeded).unwrap_or(u32::MAX));
    if made > 0.0 {
        format!(" in {took} ({:.0} tenants/s)", made / seconds)
    } else {
        format!(" in {took}")
    }
}

/// `198 succeeded, 2 failed in 4.2 s (46 tenants/s)`.
pub(crate) fn counts_and_pace(batch: &OperationStatus) -> String {
    let progress = &batch.progress.counts;
    let pace = batch.processing_time().map_or_else(String::new, |took| pace(progress, took));
    format!("{}{pace}", counts(progress))
}

/// One line an item; a column for errors only if there are some.
pub(crate) fn items_table<'a>(items: impl IntoIterator<Item = &'a ItemResult>) -> Table {
    let items: Vec<&ItemResult> = items.into_iter().collect();
    let failed = items.iter().any(|item| item.error.is_some());
    let mut columns = vec![">#", "tenant", "=status", ">id", "?schema", "?domain"];
    columns.extend(failed.then_some("error"));
    let mut table = Table::new(&columns);
    for item in items {
        let mut cells = vec![
            item.index.to_string(),
            or_dash(item.tenant_name.as_ref()),
            item.status.to_string(),
            or_dash(item.tenant_id),
            or_dash(item.schema_name.as_ref()),
            or_dash(item.domain.as_deref().map(domain)),
        ];
        cells.extend(failed.then(|| reason(item)));
        table.row(cells);
    }
    table
}

fn reason(item: &ItemResult) -> String {
    let Some(error) = &item.error else { return String::new() };
    let tries =
        if item.attempts > 1 { format!(" ({} tries)", item.attempts) } else { String::new() };
    format!("{}{tries}", error_text(error))
}

/// The result form, one line a tenant. Keys are not shown: `keys reveal` does.
pub(crate) fn wait_table(result: &ResultForm, most: usize) -> Table {
    let mut table = Table::new(&["tenant", "=status", ">id", "?schema", "?domain", "error"]);
    for row in result.results.iter().take(most) {
        // The result form keeps the words of the original API; the command has one word for each.
        let status = match row.status {
            Outcome::Success => "succeeded",
            Outcome::Error => "failed",
        };
        table.row([
            or_dash(row.tenant_name.as_ref()),
            status.to_owned(),
            or_dash(row.tenant_id),
            or_dash(row.schema_name.as_ref()),
            or_dash(row.domain.as_deref().map(domain)),
            row.error.as_ref().map_or_else(String::new, error_text),
        ]);
    }
    table
}

pub(super) fn error_text(error: &ItemError) -> String {
    format!("{}: {}", error.code, error.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_only_what_there_is() {
        let progress = Progress { total: 200, succeeded: 198, failed: 2, ..Progress::default() };

        assert_eq!(counts(&progress), "198 succeeded, 2 failed");
        assert_eq!(counts(&Progress::default()), "nothing");
    }

    #[test]
    fn a_rate_is_said_only_where_something_was_made() {
        let made = Progress { succeeded: 200, ..Progress::default() };

        assert_eq!(pace(&made, Duration::from_secs(4)), " in 4.0 s (50 tenants/s)");
        assert_eq!(pace(&Progress::default(), Duration::from_millis(2)), " in 2 ms");
        assert_eq!(pace(&made, Duration::ZERO), "");
    }

    #[test]
    fn says_what_holds_a_batch_up() {
        let at = Some(DateTime::UNIX_EPOCH);

        assert_eq!(standing(&OperationState::Running.into(), true, None), "running, paused");
        assert!(standing(&OperationState::Queued.into(), false, at).starts_with("queued until 19"));
        assert_eq!(standing(&OperationState::Cancelled.into(), false, at), "cancelled");
        assert_eq!(standing(&OpenEnum::Other("halted".into()), false, at), "halted");
    }
}
