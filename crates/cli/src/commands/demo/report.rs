//! What the demo tells at its end.

use contract::{ItemResult, Operation, RevealedKeys};

use super::isolation::Proof;
use crate::{
    client::{API, Client},
    show::{self, Table},
};

/// Results that are shown; the rest is counted.
const SHOWN: usize = 10;

pub(super) fn isolation(proof: &Proof) {
    let tenant = show::plain(&proof.tenant_name);
    show::line(format!("\nAs {}, the role of tenant “{tenant}”:", proof.role));
    for trial in &proof.trials {
        let mark = if trial.allowed { "→" } else { "✗" };
        show::line(format!("  {}\n    {mark} {}", trial.query, trial.answer));
    }
}

/// The first results and the last, the count, the pace.
pub(super) fn results(batch: &Operation, items: &[ItemResult]) {
    show::line("");
    let shown = worth_showing(items);
    let hidden = items.len() - shown.len();
    show::items_table(shown).print();
    if hidden > 0 {
        show::line(format!("… and {hidden} more"));
    }
    show::line(format!("\n{}", show::counts_and_pace(&batch.status)));
    if let Some([p50, p95, p99]) = percentiles(items) {
        show::line(format!(
            "one tenant, all steps: p50 {p50:.0} ms, p95 {p95:.0} ms, p99 {p99:.0} ms"
        ));
    }
}

/// The first ones, what failed after them, and the last one.
fn worth_showing(items: &[ItemResult]) -> Vec<&ItemResult> {
    let last = items.len().saturating_sub(1);
    let rest = items.iter().enumerate().skip(SHOWN);
    let rest = rest.filter(|(at, item)| item.error.is_some() || *at == last).map(|(_, item)| item);
    items.iter().take(SHOWN).chain(rest.take(SHOWN)).collect()
}

/// How long a tenant's steps take, in milliseconds: the p50, p95 and p99.
fn percentiles(items: &[ItemResult]) -> Option<[f64; 3]> {
    let mut times: Vec<f64> = items
        .iter()
        .filter(|item| !item.steps.is_empty())
        .map(|item| item.steps.iter().map(|step| step.duration_ms).sum())
        .collect();
    times.sort_by(f64::total_cmp);
    // The nearest rank: the smallest time that this share of the tenants did not exceed.
    let rank = |percent: usize| (times.len() * percent).div_ceil(100).max(1) - 1;
    (!times.is_empty()).then(|| [50, 95, 99].map(|percent| times[rank(percent)]))
}

/// One tenant's key: it can be revealed until it is acknowledged.
pub(super) async fn one_key(client: &Client, batch: &Operation) -> anyhow::Result<()> {
    let id = batch.operation_id.to_string();
    let revealed: RevealedKeys = client.batches().act(&id, "api-keys/reveal").await?.parse()?;
    if let Some(key) = revealed.keys.iter().min_by_key(|key| key.tenant_id) {
        show::line(format!(
            "\nPOST {API}/batches/…/api-keys/reveal: {} keys; each can be read until you confirm it",
            revealed.keys.len(),
        ));
        let mut table = Table::new(&["tenant", "=API key (partly hidden here)"]);
        table.row([key.tenant_name.clone(), show::masked(&key.api_key)]);
        table.print();
    }
    Ok(())
}

pub(super) fn try_next() {
    show::line(
        "\nTry next\n\
         \n  tenantry dev                          the same, running until Ctrl-C\
         \n  tenantry submit tenants.csv --watch   submit your own tenants, from another terminal\
         \n  tenantry tenant list                  list the tenants\
         \n  tenantry demo --with-errors           bad tenants fail, the others succeed\n",
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(ms: f64) -> ItemResult {
        serde_json::from_value(serde_json::json!({
            "index": 0, "status": "succeeded", "attempts": 1,
            "steps": [{ "name": "verify", "state": "done", "duration_ms": ms }],
        }))
        .unwrap()
    }

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let items: Vec<ItemResult> = (1..=200).rev().map(|ms| item(f64::from(ms))).collect();

        assert_eq!(percentiles(&items), Some([100.0, 190.0, 198.0]));
        assert_eq!(percentiles(&[]), None);
    }
}
