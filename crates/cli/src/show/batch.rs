//! Batches and their items as tables and as a sentence.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{DASH, Table, domain, duration, short_time};
use crate::client::{Batch, BatchRow, Item, Progress, WaitResult};

/// One batch.
pub(crate) fn batch_table(batch: &Batch) -> Table {
    let mut table = Table::new(&["=batch", "~status", "??mode", "~tenants", "?=created", "?>took"]);
    table.row([
        batch.batch_id.clone(),
        standing(&batch.state, batch.paused, batch.run_at),
        batch.mode.clone(),
        counts(&batch.progress),
        short_time(Some(batch.created_at)),
        batch.seconds().map_or_else(dash, |s| duration(Duration::from_secs_f64(s.max(0.0)))),
    ]);
    table
}

/// One line a batch.
pub(crate) fn batches_table(batches: &[BatchRow]) -> Table {
    let mut table = Table::new(&["=batch", "~status", "??mode", ">tenants", "?=created", "?>took"]);
    for batch in batches {
        table.row([
            batch.batch_id.clone(),
            standing(&batch.state, batch.paused, batch.run_at),
            batch.mode.clone(),
            batch.total.to_string(),
            short_time(Some(batch.created_at)),
            batch.took().map_or_else(dash, duration),
        ]);
    }
    table
}

/// Its state, and what holds it up.
fn standing(state: &str, paused: bool, run_at: Option<DateTime<Utc>>) -> String {
    match run_at {
        _ if paused => format!("{state}, paused"),
        Some(at) if state == "queued" => format!("{state} until {}", short_time(Some(at))),
        _ => state.to_owned(),
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
pub(crate) fn pace(progress: &Progress, seconds: f64) -> String {
    if seconds <= 0.0 {
        return String::new();
    }
    let took = duration(Duration::from_secs_f64(seconds));
    // As many as a double holds exactly; a batch has 10,000.
    let made = f64::from(u32::try_from(progress.succeeded).unwrap_or(u32::MAX));
    if made > 0.0 {
        format!(" in {took} ({:.0} tenants/s)", made / seconds)
    } else {
        format!(" in {took}")
    }
}

/// One line an item; a column for errors only if there are some.
pub(crate) fn items_table<'a>(items: impl IntoIterator<Item = &'a Item>) -> Table {
    let items: Vec<&Item> = items.into_iter().collect();
    let failed = items.iter().any(|item| item.error.is_some());
    let mut columns = vec![">#", "tenant", "=status", ">id", "?schema", "?domain"];
    columns.extend(failed.then_some("error"));
    let mut table = Table::new(&columns);
    for item in items {
        let mut cells = vec![
            item.index.to_string(),
            text(&item.tenant_name),
            item.status.clone(),
            item.tenant_id.map_or_else(dash, |id| id.to_string()),
            text(&item.schema_name),
            item.domain.as_deref().map_or_else(dash, domain),
        ];
        cells.extend(failed.then(|| reason(item)));
        table.row(cells);
    }
    table
}

fn reason(item: &Item) -> String {
    let Some(error) = &item.error else { return String::new() };
    let tries =
        if item.attempts > 1 { format!(" ({} tries)", item.attempts) } else { String::new() };
    format!("{}: {}{tries}", error.code, error.message)
}

/// The result form, one line a tenant. Keys are not shown: `keys reveal` does.
pub(crate) fn wait_table(result: &WaitResult, most: usize) -> Table {
    let mut table = Table::new(&["tenant", "=status", ">id", "?schema", "?domain", "error"]);
    for row in result.results.iter().take(most) {
        table.row([
            text(&row.tenant_name),
            one_word(&row.status).to_owned(),
            row.tenant_id.map_or_else(dash, |id| id.to_string()),
            text(&row.schema_name),
            row.domain.as_deref().map_or_else(dash, domain),
            row.error.as_ref().map_or_else(String::new, error_text),
        ]);
    }
    table
}

/// The result form keeps the words of the original API; the command has one word for each.
fn one_word(status: &str) -> &str {
    match status {
        "success" => "succeeded",
        "error" => "failed",
        other => other,
    }
}

/// The API tells an error as an object or as a text.
fn error_text(error: &Value) -> String {
    let field = |name: &str| error.get(name).and_then(Value::as_str);
    match (field("code"), field("message"), error.as_str()) {
        (Some(code), Some(message), _) => format!("{code}: {message}"),
        (_, Some(text), _) | (Some(text), _, _) | (_, _, Some(text)) => text.to_owned(),
        _ if error.is_null() => String::new(),
        _ => error.to_string(),
    }
}

fn text(value: &Option<String>) -> String {
    value.clone().unwrap_or_else(dash)
}

fn dash() -> String {
    DASH.to_owned()
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

        assert_eq!(pace(&made, 4.0), " in 4.0 s (50 tenants/s)");
        assert_eq!(pace(&Progress::default(), 0.002), " in 2 ms");
        assert_eq!(pace(&made, 0.0), "");
    }

    #[test]
    fn says_what_holds_a_batch_up() {
        let at = Some(DateTime::UNIX_EPOCH);

        assert_eq!(standing("running", true, None), "running, paused");
        assert!(standing("queued", false, at).starts_with("queued until 19"));
        assert_eq!(standing("cancelled", false, at), "cancelled");
    }

    #[test]
    fn understands_both_forms_of_an_error() {
        let object = serde_json::json!({"code": "domain_taken", "message": "in use"});

        assert_eq!(error_text(&object), "domain_taken: in use");
        assert_eq!(error_text(&serde_json::json!("in use")), "in use");
    }
}
