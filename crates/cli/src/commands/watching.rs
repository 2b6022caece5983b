//! Follows an operation to its end.

use std::time::Duration;

use contract::{BatchProgress, ItemPage, ItemResult, Operation};
use domain::{Kind, Progress};

use super::under::Under;
use crate::{
    client::{Answer, Client},
    failure::Stop,
    show::{self, BatchBar},
    stack::Signals,
};

/// Between two looks at a batch: quick at first, for small ones, then easy on the API.
const FIRST_LOOK: Duration = Duration::from_millis(100);
const LONGEST_LOOK: Duration = Duration::from_millis(500);

/// Failed items that are shown at the end of a watch.
const SHOWN_FAILURES: usize = 20;

/// What a watch came to.
#[derive(Debug)]
pub(super) enum Watched {
    /// The batch has ended.
    Ended(Box<Ended>),
    /// The user looks no longer; the batch goes on.
    Left(Stop),
}

/// A batch that has ended, and the answer that said so.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) batch: Operation,
    pub(super) answer: Answer,
}

/// Shows the batch's progress until it ends, or until Ctrl-C.
pub(super) async fn watch(
    client: &Client,
    under: Under,
    id: &str,
    total: u64,
) -> anyhow::Result<Watched> {
    let mut signals = Signals::install()?;
    tokio::select! {
        ended = to_the_end(client, under, id, total) => Ok(Watched::Ended(Box::new(ended?))),
        stop = signals.next() => Ok(Watched::Left(stop)),
    }
}

/// Shows the batch's progress until it ends.
pub(super) async fn to_the_end(
    client: &Client,
    under: Under,
    id: &str,
    total: u64,
) -> anyhow::Result<Ended> {
    let mut bar = BatchBar::new(total);
    let counts = Progress { total, queued: total, ..Progress::default() };
    bar.show(&BatchProgress { counts, ..BatchProgress::default() });
    let (mut pause, mut told) = (FIRST_LOOK, None);
    loop {
        let answer = client.get(&under.one(id)).await?;
        let batch: Operation = answer.parse()?;
        bar.show(&batch.progress);
        if batch.finished_at.is_some() {
            bar.finish();
            return Ok(Ended { batch, answer });
        }
        // A batch that was just submitted waits for a moment by right.
        if pause >= LONGEST_LOOK && told != batch.waiting_for {
            if let Some(waiting_for) = &batch.waiting_for {
                bar.note(&format!("waits: {}", waiting_for.message));
            }
            told = batch.waiting_for;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 5 / 4).min(LONGEST_LOOK);
    }
}

/// Says how an ended batch went: one sentence, the first failures, what comes next.
pub(super) async fn tell(client: &Client, under: Under, batch: &Operation) -> anyhow::Result<()> {
    let noun = under.noun();
    show::line(format!("{noun} {}: {}", batch.operation_id, show::counts_and_pace(batch)));
    if !batch.is_clean() {
        failures(client, under, batch).await?;
    }
    if batch.kind == Kind::Provision && batch.progress.counts.succeeded > 0 {
        show::note(format!("API keys: `tenantry keys reveal {}`", batch.operation_id));
    }
    Ok(())
}

async fn failures(client: &Client, under: Under, batch: &Operation) -> anyhow::Result<()> {
    let (id, noun) = (&batch.operation_id, under.noun());
    let failed = failed(client, under, &id.to_string(), SHOWN_FAILURES).await?;
    if !failed.is_empty() {
        show::items_table(&failed).print();
    }
    let all = format!("all results: `tenantry {noun} {} {id}`", under.items_word());
    if may_be_retried(&batch.progress.counts, &failed) {
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

/// The first failed items of a batch, with their reasons.
pub(super) async fn failed(
    client: &Client,
    under: Under,
    id: &str,
    most: usize,
) -> anyhow::Result<Vec<ItemResult>> {
    let path = format!("{}?status=failed&limit={most}", under.items(id));
    let page: ItemPage = client.get(&path).await?.parse()?;
    Ok(page.items)
}

/// Whether a retry can help one of the tenants that were not made. `failed` may be the first page.
fn may_be_retried(progress: &Progress, failed: &[ItemResult]) -> bool {
    let seen = u64::try_from(failed.len()).unwrap_or(u64::MAX);
    progress.not_made() > seen || failed.iter().any(is_retryable)
}

fn is_retryable(item: &ItemResult) -> bool {
    item.error.as_ref().is_some_and(|error| error.retryable)
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
