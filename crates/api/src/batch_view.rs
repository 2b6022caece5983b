//! A batch as callers see it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{Mode, OperationId, OperationState, Progress};
use serde::Serialize;
use store::operations::{Counts, Culprit, Operation};
use utoipa::ToSchema;

use crate::waiting::WaitingView;

/// A batch and how far it is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Batch)]
pub(crate) struct BatchView {
    /// The batch.
    pub(crate) batch_id: OperationId,
    /// Where it is on its way.
    pub(crate) state: OperationState,
    /// How its tenants hang together.
    pub(crate) mode: Mode,
    /// Whether workers leave it alone for now. Its deadline does not wait.
    pub(crate) paused: bool,
    /// When it is to start; null once it has.
    pub(crate) run_at: Option<DateTime<Utc>>,
    /// Why no tenant of it is in work although some wait; null when one is, or none waits.
    pub(crate) waiting_for: Option<WaitingView>,
    /// The tenant whose failure rolled it back; null when it was not.
    pub(crate) error: Option<CulpritView>,
    /// How far it is.
    pub(crate) progress: ProgressView,
    /// When it was submitted.
    pub(crate) created_at: DateTime<Utc>,
    /// When its first tenant was begun (after a retry: its first of this run).
    pub(crate) started_at: Option<DateTime<Utc>>,
    /// When its last tenant ended.
    pub(crate) finished_at: Option<DateTime<Utc>>,
    /// From the start to the end, or to now, in milliseconds; null before the start.
    pub(crate) processing_time_ms: Option<i64>,
    /// Where to go from here.
    pub(crate) links: Links,
}

/// The tenant whose failure rolled a batch back that is all or nothing.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = BatchError)]
pub(crate) struct CulpritView {
    /// Its place in the request, from 0.
    pub(crate) index: u32,
    /// Why it failed: stable name.
    #[schema(example = "domain_taken")]
    pub(crate) code: Option<String>,
    /// Why it failed, for people.
    pub(crate) message: Option<String>,
}

impl From<Culprit> for CulpritView {
    fn from(culprit: Culprit) -> Self {
        let Culprit { index, code, message } = culprit;
        Self { index, code, message }
    }
}

/// How far a batch is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BatchProgress)]
pub(crate) struct ProgressView {
    #[serde(flatten)]
    pub(crate) counts: Progress,
    /// How much of it is over, 0 to 100, to one decimal.
    pub(crate) percent: f64,
    /// Tenants ended per second since the start, to one decimal; null before the start.
    pub(crate) tenants_per_second: Option<f64>,
    /// Seconds until the end at this speed; null when nothing can be said.
    pub(crate) eta_seconds: Option<u64>,
}

/// Paths of what can be done with a batch.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Links {
    /// The batch itself (GET).
    #[serde(rename = "self")]
    pub(crate) this: String,
    /// What became of each tenant (GET).
    pub(crate) results: String,
    /// Stop what has not begun (POST).
    pub(crate) cancel: String,
    /// Run failed tenants again (POST).
    pub(crate) retry: String,
    /// Leave it alone for now (POST).
    pub(crate) pause: String,
    /// Go on with it (POST).
    pub(crate) resume: String,
    /// Reveal the API keys (POST).
    pub(crate) reveal_api_keys: String,
}

impl Links {
    /// Those of batch `id`, below `public_path`.
    pub(crate) fn of(public_path: &str, id: OperationId) -> Self {
        let this = path(public_path, id);
        Self {
            results: format!("{this}/results"),
            cancel: format!("{this}/cancel"),
            retry: format!("{this}/retry"),
            pause: format!("{this}/pause"),
            resume: format!("{this}/resume"),
            reveal_api_keys: format!("{this}/api-keys/reveal"),
            this,
        }
    }
}

/// Where a batch is found by callers, below `public_path`.
pub(crate) fn path(public_path: &str, id: OperationId) -> String {
    format!("{public_path}/api/v1/batches/{id}")
}

impl BatchView {
    /// `batch`, whose items are where `counts` says; its links are below `public_path`.
    pub(crate) fn of(batch: Operation, counts: Counts, public_path: &str) -> Self {
        let begun = batch.started_at.is_some() || batch.finished_at.is_some();
        Self {
            batch_id: batch.id,
            state: batch.state,
            mode: batch.mode,
            paused: batch.paused,
            run_at: batch.run_at,
            waiting_for: None,
            error: batch.culprit.clone().map(CulpritView::from),
            progress: ProgressView::of(&batch, counts),
            created_at: batch.created_at,
            started_at: batch.started_at,
            finished_at: batch.finished_at,
            processing_time_ms: begun.then_some(batch.elapsed_ms),
            links: Links::of(public_path, batch.id),
        }
    }
}

impl ProgressView {
    fn of(batch: &Operation, counted: Counts) -> Self {
        let counts = counted.progress;
        let ended = counted.ended_in_run;
        let speed = batch.started_at.and_then(|_| per_second(ended, batch.elapsed_ms));
        let eta_seconds = match speed {
            _ if batch.finished_at.is_some() => None,
            Some(speed) if speed > 0.0 => seconds_for(counts.open(), speed),
            _ => None,
        };
        let tenants_per_second = speed.map(|speed| (speed * 10.0).round() / 10.0);
        Self { percent: counts.percent(), counts, tenants_per_second, eta_seconds }
    }
}

/// `None` before any time has passed.
fn per_second(ended: u64, elapsed_ms: i64) -> Option<f64> {
    let elapsed_ms = u32::try_from(elapsed_ms).ok().filter(|ms| *ms > 0)?;
    let ended = u32::try_from(ended).ok()?;
    Some(f64::from(ended) * 1000.0 / f64::from(elapsed_ms))
}

fn seconds_for(open: u64, per_second: f64) -> Option<u64> {
    let open = u32::try_from(open).ok()?;
    let whole_secs = (f64::from(open) / per_second).ceil();
    Duration::try_from_secs_f64(whole_secs).ok().map(|d| d.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(ended: u64, open: u64) -> Counts {
        let progress =
            Progress { total: ended + open, queued: open, succeeded: ended, ..Progress::default() };
        Counts { run: 1, progress, ended_in_run: ended }
    }

    fn batch(elapsed_ms: i64) -> Operation {
        let now = Utc::now();
        Operation {
            id: OperationId::mint(),
            state: OperationState::Running,
            mode: Mode::Independent,
            run: 1,
            total: 2,
            totals: None,
            created_at: now,
            started_at: Some(now),
            finished_at: None,
            run_at: None,
            paused: false,
            culprit: None,
            elapsed_ms,
        }
    }

    #[test]
    fn tells_speed_and_remaining_time_from_what_is_done() {
        let view = BatchView::of(batch(3000), counts(30, 101), "");

        assert_eq!(view.progress.tenants_per_second, Some(10.0));
        assert_eq!(view.progress.eta_seconds, Some(11));
        assert_eq!(view.processing_time_ms, Some(3000));
    }

    #[test]
    fn promises_no_time_before_it_knows_a_speed_nor_after_the_end() {
        let unbegun = BatchView::of(Operation { started_at: None, ..batch(900) }, counts(0, 5), "");
        let first = BatchView::of(batch(900), counts(0, 5), "");
        let over = BatchView::of(
            Operation { finished_at: Some(Utc::now()), ..batch(900) },
            counts(5, 0),
            "",
        );

        assert_eq!(unbegun.progress.tenants_per_second, None);
        assert_eq!(unbegun.processing_time_ms, None);
        assert_eq!(first.progress.eta_seconds, None);
        assert_eq!((over.progress.eta_seconds, over.progress.percent), (None, 100.0));
    }

    #[test]
    fn has_the_field_names_of_the_contract() {
        let json = serde_json::to_value(BatchView::of(batch(1000), counts(1, 1), "/t")).unwrap();

        assert!(json["links"]["self"].as_str().unwrap().starts_with("/t/api/v1/batches/"));
        for field in [
            "batch_id",
            "state",
            "mode",
            "paused",
            "run_at",
            "waiting_for",
            "error",
            "progress",
            "created_at",
            "started_at",
            "finished_at",
            "processing_time_ms",
            "links",
        ] {
            assert!(json.get(field).is_some(), "{field}");
        }
        for field in [
            "total",
            "queued",
            "running",
            "retrying",
            "succeeded",
            "failed",
            "cancelled",
            "rolled_back",
            "percent",
            "tenants_per_second",
            "eta_seconds",
        ] {
            assert!(json["progress"].get(field).is_some(), "{field}");
        }
    }
}
