//! `tenantry submit`: a file of tenants becomes a batch.

mod dry_run;

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use contract::{BatchRequest, Operation, ResultForm};
use domain::Progress;
use serde::Serialize;

use super::{client, watching};
use crate::{
    args::Global,
    client::{API, Answer, Client},
    failure::Done,
    input::{self, Format},
    show,
    stack::Signals,
};

/// Rows of a result that are shown; the rest is counted.
const SHOWN_ROWS: usize = 50;

/// What the API answers before the batch is over.
const ACCEPTED: u16 = 202;

#[derive(Debug, Args)]
pub(crate) struct Submit {
    /// The file: CSV, JSON or NDJSON; `-` reads standard input
    file: PathBuf,
    /// The file's format [default: by the ending of its name]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Show progress until the batch ends; Ctrl-C leaves it running
    #[arg(long, conflicts_with = "wait")]
    watch: bool,
    /// Wait up to this many seconds for the results, and show them
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    wait: Option<u32>,
    /// What happens to the others when one tenant fails [default: the file's mode, else independent]
    #[arg(long, value_enum)]
    mode: Option<Mode>,
    /// When to start: 2027-01-31T08:00:00Z, within 30 days [default: the file's time, else now]
    #[arg(long, value_name = "TIME", value_parser = time)]
    run_at: Option<String>,
    /// A name for this submission: sent again with the same name, it is not done twice
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Only say what each tenant would come to; nothing is written, and the exit code is 1 if one would fail
    #[arg(long, conflicts_with_all = ["watch", "wait", "idempotency_key"])]
    dry_run: bool,
    /// Write the tenants that would fail to this file, as CSV
    #[arg(long, value_name = "FILE", requires = "dry_run")]
    bad_rows: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// The others are provisioned
    Independent,
    /// The others are rolled back: all or nothing
    Atomic,
}

/// A time that the API can read; what it may be is the API's business.
fn time(text: &str) -> Result<String, String> {
    match chrono::DateTime::parse_from_rfc3339(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("not a time with a time zone; write it as 2027-01-31T08:00:00Z".to_owned()),
    }
}

impl Submit {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Done> {
        let client = client(global)?;
        let body = self.body(input::read(&self.file, self.format)?);
        if self.dry_run {
            return dry_run::run(global, &client, &body, self.bad_rows.as_deref()).await;
        }
        let sent = submit(&client, &body, self.idempotency_key.as_deref(), self.wait);
        let answer = if self.wait.is_some() {
            let mut signals = Signals::install()?;
            tokio::select! {
                answer = sent => answer?,
                stop = signals.next() => {
                    show::note("the batch goes on if the API has it: `tenantry batch show last`");
                    return Ok(Done::Stopped(stop));
                }
            }
        } else {
            sent.await?
        };
        if answer.status == ACCEPTED {
            self.accepted(global, &client, &answer, &answer.parse()?).await
        } else {
            Ok(finished(global, &answer, &answer.parse()?))
        }
    }

    /// What the file asks for, and what the options say over it.
    fn body(&self, file: BatchRequest) -> BatchRequest {
        let asked = self.mode.and_then(|mode| mode.to_possible_value());
        let mode = asked.map(|mode| mode.get_name().to_owned()).or(file.mode);
        BatchRequest { tenants: file.tenants, mode, run_at: self.run_at.clone().or(file.run_at) }
    }

    async fn accepted(
        &self,
        global: &Global,
        client: &Client,
        answer: &Answer,
        batch: &Operation,
    ) -> anyhow::Result<Done> {
        let (id, counts) = (batch.operation_id, &batch.status.progress.counts);
        if !global.json {
            show::note(format!("batch {id}: {}", accepted(counts)));
        }
        if self.watch {
            return watching::follow(global, client.batches(), batch).await;
        }
        if global.json {
            show::raw(&answer.text);
        } else {
            show::line(id);
            next(client, batch).await?;
        }
        if let Some(seconds) = self.wait {
            show::note(format!("the batch did not end within {seconds} s"));
            return Ok(Done::WithFailures);
        }
        Ok(Done::well_if(counts.not_made() == 0))
    }
}

/// `4 of 4 refused`, `1 of 4 refused, 3 queued`, `4 queued`.
fn accepted(progress: &Progress) -> String {
    let refused = progress.not_made();
    let open = Progress { failed: 0, cancelled: 0, rolled_back: 0, ..*progress };
    match (refused, refused == progress.total) {
        (0, _) => show::counts(progress),
        (_, true) => format!("{refused} of {} refused", progress.total),
        _ => format!("{refused} of {} refused, {}", progress.total, show::counts(&open)),
    }
}

/// The refused tenants with their reasons, and what to do next.
async fn next(client: &Client, batch: &Operation) -> anyhow::Result<()> {
    let id = &batch.operation_id.to_string();
    let failed = batch.status.progress.counts.failed;
    if failed > 0 {
        let refused = watching::failed(client.batches(), id, SHOWN_ROWS).await?;
        show::items_table(&refused).print_beside();
        let hidden = usize::try_from(failed).unwrap_or(usize::MAX) - refused.len();
        let all = format!("`tenantry batch results {id} --status failed`");
        let more = if hidden > 0 { format!("{hidden} more: {all}; ") } else { String::new() };
        show::note(format!("{more}correct the refused tenants and submit them again"));
    }
    if batch.status.finished_at.is_none() {
        show::note(format!("watch it: `tenantry batch watch {id}`"));
    }
    Ok(())
}

/// Posts a batch. Without a key of the caller's it gets one of ours, so that a repeated send can
/// never make it twice.
pub(super) async fn submit(
    client: &Client,
    body: &impl Serialize,
    key: Option<&str>,
    wait: Option<u32>,
) -> anyhow::Result<Answer> {
    let key = key.map_or_else(|| uuid::Uuid::now_v7().to_string(), str::to_owned);
    let wait = wait.map(|seconds| format!("wait={seconds}"));
    let mut headers = vec![("idempotency-key", key.as_str())];
    headers.extend(wait.as_deref().map(|wait| ("prefer", wait)));
    client.send(&format!("{API}/tenants/batch"), body, &headers).await
}

fn finished(global: &Global, answer: &Answer, result: &ResultForm) -> Done {
    if global.json {
        show::raw(&answer.text);
        return Done::well_if(result.success);
    }
    show::wait_table(result, SHOWN_ROWS).print();
    let hidden = result.results.len().saturating_sub(SHOWN_ROWS);
    if hidden > 0 {
        show::note(format!("… and {hidden} more: `tenantry batch results {}`", result.batch_id));
    }
    let summary = &result.summary;
    let took = Duration::from_millis(summary.processing_time_ms.try_into().unwrap_or(0));
    show::line(format!(
        "batch {}: {} of {} succeeded, {} failed, in {}",
        result.batch_id,
        summary.successful,
        summary.total_requested,
        summary.failed,
        show::duration(took),
    ));
    if summary.failed > 0 {
        let mut errors = result.results.iter().filter_map(|tenant| tenant.error.as_ref());
        show::note(if errors.any(|error| error.retryable) {
            format!("retry them: `tenantry batch retry {}`", result.batch_id)
        } else {
            "a retry cannot help: correct these tenants and submit them".to_owned()
        });
    }
    if summary.successful > 0 {
        show::note(format!("API keys: `tenantry keys reveal {}`", result.batch_id));
    }
    Done::well_if(result.success)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_at_once_how_many_were_refused() {
        let all = Progress { total: 4, failed: 4, ..Progress::default() };
        let one = Progress { total: 4, failed: 1, queued: 3, ..Progress::default() };
        let none = Progress { total: 4, queued: 4, ..Progress::default() };

        assert_eq!(accepted(&all), "4 of 4 refused");
        assert_eq!(accepted(&one), "1 of 4 refused, 3 queued");
        assert_eq!(accepted(&none), "4 queued");
    }
}
