//! The API's answers, as far as the commands look into them. Unknown fields are fine: a newer API
//! may say more.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

/// A batch.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Batch {
    pub(crate) batch_id: String,
    pub(crate) state: String,
    pub(crate) mode: String,
    #[serde(default)]
    pub(crate) paused: bool,
    #[serde(default)]
    pub(crate) run_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub(crate) waiting_for: Option<WaitingFor>,
    #[serde(default)]
    pub(crate) error: Option<Culprit>,
    pub(crate) progress: Progress,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) finished_at: Option<DateTime<Utc>>,
    pub(crate) processing_time_ms: Option<f64>,
}

impl Batch {
    /// Nothing will change any more unless someone retries it.
    pub(crate) fn is_finished(&self) -> bool {
        self.finished_at.is_some()
    }

    /// Every item succeeded.
    pub(crate) fn is_clean(&self) -> bool {
        self.progress.succeeded == self.progress.total
    }

    /// How long it took, in seconds, once it is finished.
    pub(crate) fn seconds(&self) -> Option<f64> {
        self.processing_time_ms.map(|ms| ms / 1000.0)
    }
}

/// The tenant whose failure rolled a batch back.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Culprit {
    pub(crate) index: u64,
    pub(crate) code: Option<String>,
    pub(crate) message: Option<String>,
}

impl std::fmt::Display for Culprit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "rolled back because of item {}", self.index)?;
        if let (Some(code), Some(message)) = (&self.code, &self.message) {
            write!(f, ": {code}: {message}")?;
        }
        Ok(())
    }
}

/// The queue as a whole.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Queue {
    pub(crate) paused: bool,
    pub(crate) waiting: u64,
    pub(crate) running: u64,
    #[serde(default)]
    pub(crate) waiting_for: Option<WaitingFor>,
    pub(crate) workers: Vec<WorkerRow>,
}

/// Why what waits is not worked on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct WaitingFor {
    pub(crate) message: String,
}

/// One worker process.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct WorkerRow {
    pub(crate) id: String,
    pub(crate) host: String,
    pub(crate) started_at: DateTime<Utc>,
    pub(crate) seen_at: DateTime<Utc>,
    #[serde(default)]
    pub(crate) busy: u64,
}

/// How far a batch is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Progress {
    pub(crate) total: u64,
    pub(crate) queued: u64,
    pub(crate) running: u64,
    pub(crate) retrying: u64,
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    pub(crate) cancelled: u64,
    pub(crate) rolled_back: u64,
    pub(crate) tenants_per_second: Option<f64>,
    pub(crate) eta_seconds: Option<f64>,
}

impl Progress {
    /// Items that have ended, in whatever way.
    pub(crate) fn ended(&self) -> u64 {
        self.succeeded + self.not_made()
    }

    /// Items that ended without a tenant.
    pub(crate) fn not_made(&self) -> u64 {
        self.failed + self.cancelled + self.rolled_back
    }
}

/// What `POST /tenants/batch` answers without `Prefer: wait`, and what it may answer with it.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Submitted {
    /// It finished while we waited.
    Finished(WaitResult),
    /// It was accepted.
    Accepted(Box<Batch>),
}

/// The result form: what came of a batch that finished while the caller waited.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct WaitResult {
    pub(crate) success: bool,
    pub(crate) results: Vec<WaitRow>,
    pub(crate) summary: Summary,
    pub(crate) batch_id: String,
}

/// One tenant in the result form.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct WaitRow {
    pub(crate) tenant_name: Option<String>,
    pub(crate) status: String,
    pub(crate) tenant_id: Option<i64>,
    pub(crate) schema_name: Option<String>,
    pub(crate) domain: Option<String>,
    pub(crate) error: Option<Value>,
}

impl WaitRow {
    /// Whether it failed for a reason that may have passed.
    pub(crate) fn is_retryable(&self) -> bool {
        self.error.as_ref().and_then(|error| error.get("retryable")) == Some(&Value::Bool(true))
    }
}

/// The counts of the result form.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Summary {
    pub(crate) total_requested: u64,
    pub(crate) successful: u64,
    pub(crate) failed: u64,
    pub(crate) processing_time_ms: f64,
}

/// A page of batches.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Batches {
    pub(crate) batches: Vec<BatchRow>,
    #[serde(default)]
    pub(crate) next_cursor: Option<Value>,
}

/// A batch of a page: without its progress.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct BatchRow {
    pub(crate) batch_id: String,
    pub(crate) state: String,
    pub(crate) mode: String,
    #[serde(default)]
    pub(crate) paused: bool,
    #[serde(default)]
    pub(crate) run_at: Option<DateTime<Utc>>,
    pub(crate) total: u64,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) started_at: Option<DateTime<Utc>>,
    pub(crate) finished_at: Option<DateTime<Utc>>,
}

impl BatchRow {
    /// From its first tenant's start to its last one's end.
    pub(crate) fn took(&self) -> Option<std::time::Duration> {
        (self.finished_at? - self.started_at?).to_std().ok()
    }
}

/// A page of results.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Results {
    pub(crate) results: Vec<Item>,
    #[serde(default)]
    pub(crate) next_cursor: Option<Value>,
}

/// What came of one item.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Item {
    pub(crate) index: u64,
    pub(crate) tenant_name: Option<String>,
    pub(crate) status: String,
    pub(crate) tenant_id: Option<i64>,
    pub(crate) schema_name: Option<String>,
    pub(crate) domain: Option<String>,
    #[serde(default)]
    pub(crate) attempts: i64,
    pub(crate) error: Option<ItemError>,
    #[serde(default)]
    pub(crate) steps: Vec<StepTaken>,
}

impl Item {
    /// Whether it failed for a reason that may have passed.
    pub(crate) fn is_retryable(&self) -> bool {
        self.error.as_ref().is_some_and(|error| error.retryable)
    }

    /// Whether it failed for a reason that an operator can remove, and no change of the request.
    pub(crate) fn needs_operator(&self) -> bool {
        const CODES: [&str; 4] =
            ["application_role_full", "migration_failed", "verify_failed", "database_refused"];
        self.error.as_ref().is_some_and(|error| CODES.contains(&error.code.as_str()))
    }

    /// How long the tenant's steps took in sum, in milliseconds, if they are known.
    pub(crate) fn step_ms(&self) -> Option<f64> {
        (!self.steps.is_empty()).then(|| self.steps.iter().filter_map(|s| s.duration_ms).sum())
    }
}

/// Why an item has no tenant.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ItemError {
    pub(crate) code: String,
    pub(crate) message: String,
    #[serde(default)]
    pub(crate) retryable: bool,
}

/// One step that was taken for an item.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct StepTaken {
    pub(crate) duration_ms: Option<f64>,
}

/// Keys that can still be seen.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct RevealedKeys {
    pub(crate) keys: Vec<RevealedKey>,
    #[serde(default)]
    pub(crate) unreadable: Vec<UnreadableKey>,
}

/// Keys that are erased.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct AcknowledgedKeys {
    pub(crate) acknowledged: usize,
}

/// A key that the API cannot show.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct UnreadableKey {
    pub(crate) tenant_id: i64,
    pub(crate) tenant_name: String,
    pub(crate) reason: String,
}

/// One tenant's key.
#[derive(Clone, Deserialize)]
pub(crate) struct RevealedKey {
    pub(crate) tenant_id: i64,
    pub(crate) tenant_name: String,
    pub(crate) api_key: String,
}

impl std::fmt::Debug for RevealedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RevealedKey").field("tenant_id", &self.tenant_id).finish_non_exhaustive()
    }
}

/// A page of tenants.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Tenants {
    pub(crate) tenants: Vec<TenantRow>,
    #[serde(default)]
    pub(crate) total: Option<u64>,
    #[serde(default)]
    pub(crate) next_cursor: Option<Value>,
}

/// One tenant of a page.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct TenantRow {
    pub(crate) tenant_id: i64,
    pub(crate) tenant_name: String,
    #[serde(alias = "state")]
    pub(crate) status: String,
    pub(crate) domain: Option<String>,
    pub(crate) schema_name: Option<String>,
    pub(crate) created_at: Option<DateTime<Utc>>,
}
