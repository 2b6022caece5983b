//! `tenantry submit`: a file of tenants becomes a batch.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::{API, client, watching};
use crate::{
    args::Global,
    client::{Answer, Batch, Client, Submitted, WaitResult},
    failure::Done,
    input::{self, Format, Submission},
    show,
};

/// Rows of a result that are shown; the rest is counted.
const SHOWN_ROWS: usize = 50;

/// Submit a file of tenants.
#[derive(Debug, Args)]
pub(crate) struct Submit {
    /// The file; `-` reads standard input
    file: PathBuf,
    /// How it is written [default: as its name ends]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Follow the batch to its end
    #[arg(long, conflicts_with = "wait")]
    watch: bool,
    /// Wait up to this many seconds for the results
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    wait: Option<u32>,
    /// What becomes of the others when one fails [default: what the file says, else independent]
    #[arg(long, value_enum)]
    mode: Option<Mode>,
    /// When to start, as RFC 3339 writes it, within 30 days [default: what the file says, else now]
    #[arg(long, value_name = "TIME")]
    run_at: Option<String>,
    /// Names this submission: sent again under the same name, it is not done twice
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// What becomes of the others when one tenant fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// They are provisioned all the same
    Independent,
    /// All or nothing: they are undone
    Atomic,
}

/// What the API takes.
#[derive(Serialize)]
struct Body {
    tenants: Vec<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_at: Option<String>,
}

impl Submit {
    /// Submits, and follows or waits if asked to.
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Done> {
        let client = client(global)?;
        let body = self.body(input::read(&self.file, self.format)?);
        let answer = submit(&client, &body, self.idempotency_key.as_deref(), self.wait).await?;
        match answer.parse()? {
            Submitted::Finished(result) => Ok(finished(global, &answer, &result)),
            Submitted::Accepted(batch) => self.accepted(global, &client, &answer, &batch).await,
        }
    }

    fn body(&self, submission: Submission) -> Body {
        let Submission { tenants, mode, run_at } = submission;
        let asked = self.mode.and_then(|mode| mode.to_possible_value());
        let mode = asked.map(|mode| mode.get_name().to_owned()).or(mode);
        Body { tenants, mode, run_at: self.run_at.clone().or(run_at) }
    }

    async fn accepted(
        &self,
        global: &Global,
        client: &Client,
        answer: &Answer,
        batch: &Batch,
    ) -> anyhow::Result<Done> {
        let id = &batch.batch_id;
        if !global.json {
            show::note(format!("batch {id} accepted: {}", show::counts(&batch.progress)));
        }
        if self.watch {
            return follow(global, client, id, batch.progress.total).await;
        }
        if global.json {
            show::raw(&answer.text);
        } else {
            show::line(id);
            show::note(format!("watch it: `tenantry batch watch {id}`"));
        }
        if let Some(seconds) = self.wait {
            show::note(format!("it is not finished after {seconds} s"));
            return Ok(Done::WithFailures);
        }
        Ok(Done::well_if(batch.progress.not_made() == 0))
    }
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
    client.post(&format!("{API}/tenants/batch"), Some(&*to_raw_value(body)?), &headers).await
}

/// Follows a batch and tells how it went.
pub(super) async fn follow(
    global: &Global,
    client: &Client,
    id: &str,
    total: u64,
) -> anyhow::Result<Done> {
    let ended = watching::watch(client, id, total).await?;
    if global.json {
        show::raw(&ended.answer.text);
    } else {
        watching::tell(client, &ended.batch).await?;
    }
    Ok(Done::well_if(ended.batch.is_clean()))
}

fn finished(global: &Global, answer: &Answer, result: &WaitResult) -> Done {
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
    let took = std::time::Duration::from_secs_f64(summary.processing_time_ms.max(0.0) / 1000.0);
    show::line(format!(
        "batch {}: {} of {} succeeded, {} failed in {}",
        result.batch_id,
        summary.successful,
        summary.total_requested,
        summary.failed,
        show::duration(took),
    ));
    if summary.successful > 0 {
        show::note(format!("API keys: `tenantry keys reveal {}`", result.batch_id));
    }
    Done::well_if(result.success)
}
