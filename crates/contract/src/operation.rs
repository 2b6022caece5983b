//! An operation and how far it is. A batch is one of kind `provision`, with names of its own for some
//! fields; its body is read as an operation's too.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{Kind, Mode, OperationId, OperationState, PauseReason, Progress};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::OpenEnum;

/// An operation and how far it is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Operation {
    /// The operation.
    #[serde(alias = "batch_id")]
    pub operation_id: OperationId,
    /// What it does.
    #[serde(default = "provision")]
    #[schema(value_type = Kind)]
    pub kind: OpenEnum<Kind>,
    /// What the kind has to know, the same for every tenant.
    #[serde(default)]
    pub params: Value,
    #[expect(missing_docs, reason = "its own fields stand here")]
    #[serde(flatten)]
    pub status: OperationStatus,
    /// Where to go from here.
    pub links: OperationLinks,
}

fn provision() -> OpenEnum<Kind> {
    Kind::Provision.into()
}

/// A batch and how far it is.
#[derive(Serialize, ToSchema)]
pub struct Batch {
    /// The batch.
    pub batch_id: OperationId,
    #[expect(missing_docs, reason = "its own fields stand here")]
    #[serde(flatten)]
    pub status: OperationStatus,
    /// Where to go from here.
    pub links: Links,
}

impl From<Operation> for Batch {
    fn from(it: Operation) -> Self {
        Self { batch_id: it.operation_id, status: it.status, links: it.links.into() }
    }
}

/// How far an operation is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OperationStatus {
    /// Where it is on its way.
    #[schema(value_type = OperationState)]
    pub state: OpenEnum<OperationState>,
    /// How its tenants hang together.
    #[schema(value_type = Mode)]
    pub mode: OpenEnum<Mode>,
    /// Whether workers leave it alone for now. Its deadline does not wait.
    pub paused: bool,
    /// The reasons why it is paused; left out while it is not paused.
    #[schema(value_type = Option<Vec<PauseReason>>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause_reasons: Option<Vec<OpenEnum<PauseReason>>>,
    /// When it is to start; null once it has.
    pub run_at: Option<DateTime<Utc>>,
    /// Why no tenant of it is in work although some wait; null when one is, or none waits.
    pub waiting_for: Option<WaitingFor>,
    /// The tenant whose failure rolled it back; null when it was not.
    pub error: Option<BatchError>,
    /// How far it is.
    pub progress: BatchProgress,
    /// When it was submitted.
    pub created_at: DateTime<Utc>,
    /// When its first tenant was begun (after a retry: its first of this run).
    pub started_at: Option<DateTime<Utc>>,
    /// When its last tenant ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// From the start to the end, or to now, in milliseconds; null before the start.
    pub processing_time_ms: Option<i64>,
}

impl OperationStatus {
    /// Whether every item succeeded.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.progress.counts.succeeded == self.progress.counts.total
    }

    /// From the start to the end, or to now.
    #[must_use]
    pub fn processing_time(&self) -> Option<Duration> {
        Some(Duration::from_millis(self.processing_time_ms?.try_into().ok()?))
    }
}

/// The tenant whose failure rolled an operation back that is all or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BatchError {
    /// Its place in the request, from 0.
    pub index: u32,
    /// Why it failed: stable name.
    #[schema(example = "domain_taken")]
    pub code: Option<String>,
    /// Why it failed, for people.
    pub message: Option<String>,
}

/// How many tenants of an operation are where, and how fast it is.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct BatchProgress {
    #[expect(missing_docs, reason = "its own fields stand here")]
    #[serde(flatten)]
    pub counts: Progress,
    /// How much of it is over, 0 to 100, to one decimal.
    pub percent: f64,
    /// Tenants ended per second since the start, to one decimal; null before the start.
    pub tenants_per_second: Option<f64>,
    /// Seconds until the end at this speed; null when nothing can be said.
    pub eta_seconds: Option<u64>,
}

/// Why tenants wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WaitingFor {
    /// Stable name: `later`, `rollout_waits`, `batch_paused` (of an operation: `operation_paused`), `queue_paused`, `no_worker`,
    /// `worker_refused` (a worker cannot start), `back_off` or `tenant_busy`; of one item also `operator`.
    #[schema(example = "no_worker")]
    pub code: String,
    /// The same in words, with what to do.
    pub message: String,
}

/// Paths of what can be done with an operation.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OperationLinks {
    /// The operation itself (GET).
    #[serde(rename = "self")]
    pub this: String,
    /// What became of each tenant (GET).
    #[serde(alias = "results")]
    pub items: String,
    /// Stop what has not begun (POST).
    pub cancel: String,
    /// Run failed tenants again (POST).
    pub retry: String,
    /// Leave it alone for now (POST).
    pub pause: String,
    /// Go on with it (POST).
    pub resume: String,
}

/// Paths of what can be done with a batch.
#[derive(Serialize, ToSchema)]
pub struct Links {
    /// The batch itself (GET).
    #[serde(rename = "self")]
    pub this: String,
    /// What became of each tenant (GET).
    pub results: String,
    /// Stop what has not begun (POST).
    pub cancel: String,
    /// Run failed tenants again (POST).
    pub retry: String,
    /// Leave it alone for now (POST).
    pub pause: String,
    /// Go on with it (POST).
    pub resume: String,
    /// Reveal the API keys (POST).
    pub reveal_api_keys: String,
}

impl From<OperationLinks> for Links {
    fn from(it: OperationLinks) -> Self {
        let OperationLinks { this, cancel, retry, pause, resume, .. } = it;
        let (results, keys) = (format!("{this}/results"), format!("{this}/api-keys/reveal"));
        Self { this, results, cancel, retry, pause, resume, reveal_api_keys: keys }
    }
}

/// Some of the operations. A page of batches is read as one too.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OperationPage {
    /// Newest first.
    #[serde(alias = "batches")]
    pub operations: Vec<OperationSummary>,
    /// Where the next page starts; null on the last.
    pub next_cursor: Option<String>,
}

/// Some of the batches.
#[derive(Serialize, ToSchema)]
pub struct BatchPage {
    /// Newest first.
    pub batches: Vec<BatchSummary>,
    /// Where the next page starts; null on the last.
    pub next_cursor: Option<String>,
}

impl From<OperationPage> for BatchPage {
    fn from(OperationPage { operations, next_cursor }: OperationPage) -> Self {
        Self { batches: operations.into_iter().map(BatchSummary::from).collect(), next_cursor }
    }
}

/// An operation, without its progress.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OperationSummary {
    /// The operation.
    #[serde(alias = "batch_id")]
    pub operation_id: OperationId,
    /// What it does.
    #[serde(default = "provision")]
    #[schema(value_type = Kind)]
    pub kind: OpenEnum<Kind>,
    #[expect(missing_docs, reason = "its own fields stand here")]
    #[serde(flatten)]
    pub status: SummaryStatus,
    /// Where to go from here.
    pub links: OperationLinks,
}

/// A batch, without its progress.
#[derive(Serialize, ToSchema)]
pub struct BatchSummary {
    /// The batch.
    pub batch_id: OperationId,
    #[expect(missing_docs, reason = "its own fields stand here")]
    #[serde(flatten)]
    pub status: SummaryStatus,
    /// Where to go from here.
    pub links: Links,
}

impl From<OperationSummary> for BatchSummary {
    fn from(it: OperationSummary) -> Self {
        Self { batch_id: it.operation_id, status: it.status, links: it.links.into() }
    }
}

/// How far an operation of a list is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SummaryStatus {
    /// Where it is on its way.
    #[schema(value_type = OperationState)]
    pub state: OpenEnum<OperationState>,
    /// How its tenants hang together.
    #[schema(value_type = Mode)]
    pub mode: OpenEnum<Mode>,
    /// Whether workers leave it alone for now.
    pub paused: bool,
    /// When it is to start; null once it has.
    pub run_at: Option<DateTime<Utc>>,
    /// Its tenants.
    pub total: u64,
    /// When it was submitted.
    pub created_at: DateTime<Utc>,
    /// When its first tenant was begun.
    pub started_at: Option<DateTime<Utc>>,
    /// When its last tenant ended.
    pub finished_at: Option<DateTime<Utc>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A batch in the words of a newer server.
    const NEWER: &str = r#"{
        "batch_id": "01970000-0000-7000-8000-000000000000", "state": "halted", "mode": "waves",
        "paused": false, "gate": {"wave": 2}, "created_at": "2030-01-01T00:00:00Z",
        "progress": {"total": 4, "queued": 1, "running": 0, "retrying": 0, "succeeded": 3,
            "failed": 0, "cancelled": 0, "rolled_back": 0, "stuck": 0, "percent": 75.0},
        "links": {"self": "/b", "results": "/b/r", "cancel": "/b/c", "retry": "/b/a",
            "pause": "/b/p", "resume": "/b/g", "reveal_api_keys": "/b/k", "events": "/b/e"}
    }"#;

    #[test]
    fn a_newer_servers_batch_is_read_as_an_operation_with_its_own_words() {
        let Operation { kind, status, links, .. } = serde_json::from_str(NEWER).unwrap();

        assert_eq!(
            (status.state.to_string(), status.mode.to_string()),
            ("halted".into(), "waves".into())
        );
        assert_eq!((status.progress.counts.succeeded, status.is_clean()), (3, false));
        assert_eq!((status.run_at, status.processing_time()), (None, None));
        assert_eq!((kind, links.items.as_str()), (Kind::Provision.into(), "/b/r"));
    }
}
