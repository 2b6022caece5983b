//! Follows an operation to its end.

use std::time::Duration;

use contract::{BatchProgress, ItemPage, ItemResult, Operation};
use domain::{Kind, Progress};

use crate::{
    args::Global,
    client::{Answer, Operations},
    failure::Done,
    show::{self, BatchBar},
    stack::Signals,
};

/// Between two looks at a batch: quick at first, for small ones, then easy on the API.
const FIRST_LOOK: Duration = Duration::from_millis(100);
const LONGEST_LOOK: Duration = Duration::from_millis(500);

/// Failed items that are shown at the end of a watch.
const SHOWN_FAILURES: usize = 20;

/// Shows the operation's progress until it ends, and tells how it went. Ctrl-C leaves it running.
pub(super) async fn follow(
    global: &Global,
    of: Operations<'_>,
    operation: &Operation,
) -> anyhow::Result<Done> {
    let mut signals = Signals::install()?;
    let (operation, answer) = tokio::select! {
        ended = to_the_end(of, operation) => ended?,
        stop = signals.next() => {
            let (id, noun) = (operation.operation_id, of.under.noun());
            show::note(format!("the {noun} goes on: `tenantry {noun} watch {id}`"));
            return Ok(Done::Stopped(stop));
        }
    };
    if global.json {
        show::raw(&answer.text);
    } else {
        tell(of, &operation).await?;
    }
    Ok(Done::well_if(operation.status.is_clean()))
}

/// Shows the operation's progress until it ends: as it is then, and the answer that said so.
pub(super) async fn to_the_end(
    of: Operations<'_>,
    operation: &Operation,
) -> anyhow::Result<(Operation, Answer)> {
    let id = operation.operation_id.to_string();
    let total = operation.status.progress.counts.total;
    let mut bar = BatchBar::new(total);
    let counts = Progress { total, queued: total, ..Progress::default() };
    bar.show(&BatchProgress { counts, ..BatchProgress::default() });
    let (mut pause, mut told) = (FIRST_LOOK, None);
    loop {
        let answer = of.get(&id).await?;
        let operation: Operation = answer.parse()?;
        let status = &operation.status;
        bar.show(&status.progress);
        if status.finished_at.is_some() {
            bar.finish();
            return Ok((operation, answer));
        }
        // A batch that was just submitted waits for a moment by right.
        if pause >= LONGEST_LOOK && told != status.waiting_for {
            if let Some(waiting_for) = &status.waiting_for {
                bar.note(&format!("waits: {}", waiting_for.message));
            }
            told.clone_from(&status.waiting_for);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 5 / 4).min(LONGEST_LOOK);
    }
}

/// Says how an ended operation went: one sentence, the first failures, what comes next.
async fn tell(of: Operations<'_>, operation: &Operation) -> anyhow::Result<()> {
    let Operation { operation_id: id, kind, status, .. } = operation;
    show::line(format!("{} {id}: {}", of.under.noun(), show::counts_and_pace(status)));
    if !status.is_clean() {
        failures(of, operation).await?;
    }
    if *kind == Kind::Provision && status.progress.counts.succeeded > 0 {
        show::note(format!("API keys: `tenantry keys reveal {id}`"));
    }
    if *kind == Kind::RotateKeys && status.progress.counts.succeeded > 0 {
        show::note(format!("API keys: `tenantry keys reveal --operation {id}`"));
    }
    Ok(())
}

async fn failures(of: Operations<'_>, operation: &Operation) -> anyhow::Result<()> {
    let (id, noun) = (operation.operation_id.to_string(), of.under.noun());
    let failed = failed(of, &id, SHOWN_FAILURES).await?;
    if !failed.is_empty() {
        show::items_table(&failed).print();
    }
    let all = format!("all results: `tenantry {noun} {} {id}`", of.under.items());
    if may_be_retried(&operation.status.progress.counts, &failed) {
        show::note(format!("{all}; retry them: `tenantry {noun} retry {id}`"));
    } else {
        let cure = match failed.iter().any(needs_operator) {
            true => format!("remove the cause, then run `tenantry {noun} retry {id}`"),
            false => "a retry cannot help: correct these tenants and submit them".to_owned(),
        };
        show::note(format!("{all}; {cure}"));
    }
    Ok(())
}

pub(super) async fn failed(
    of: Operations<'_>,
    id: &str,
    most: usize,
) -> anyhow::Result<Vec<ItemResult>> {
    let first = [("status", Some("failed".to_owned())), ("limit", Some(most.to_string()))];
    Ok(of.items(id, &first).await?.parse::<ItemPage>()?.items)
}

/// Whether a retry can help one of the tenants that were not made. `failed` may be the first page.
fn may_be_retried(progress: &Progress, failed: &[ItemResult]) -> bool {
    let seen = u64::try_from(failed.len()).unwrap_or(u64::MAX);
    let mut errors = failed.iter().filter_map(|item| item.error.as_ref());
    progress.not_made() > seen || errors.any(|error| error.retryable)
}

/// Whether it failed for a reason that an operator can remove, and no change of the request.
fn needs_operator(item: &ItemResult) -> bool {
    const CODES: [&str; 4] =
        ["application_role_full", "migration_failed", "verify_failed", "database_refused"];
    item.error.as_ref().is_some_and(|error| CODES.contains(&error.code.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(retryable: bool) -> ItemResult {
        let error = serde_json::json!({ "code": "c", "message": "m", "retryable": retryable });
        let item = serde_json::json!({ "index": 0, "status": "failed", "attempts": 1,
            "steps": [], "error": error });
        serde_json::from_value(item).unwrap()
    }

    #[test]
    fn a_retry_is_offered_only_where_it_can_help() {
        let two = Progress { failed: 2, ..Progress::default() };
        let one_more_cancelled = Progress { cancelled: 1, ..two };

        assert!(!may_be_retried(&two, &[failed(false), failed(false)]));
        assert!(may_be_retried(&two, &[failed(false), failed(true)]));
        assert!(may_be_retried(&one_more_cancelled, &[failed(false), failed(false)]));
    }
}
