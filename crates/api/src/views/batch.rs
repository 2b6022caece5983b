//! A batch as callers see it: read at a cost that does not grow with it.

use std::time::{Duration, Instant};

use contract::{Batch, BatchError, BatchProgress, BatchSummary, Links};
use domain::OperationId;
use store::operations::{self, BatchLine, Counts, Culprit};

use crate::{context::Context, http::problem::Problem, views::waiting};

/// The batch as it is now, with what keeps it from being worked on.
///
/// State and times are those of this moment. The progress of a large open batch may be 250 ms old,
/// and is never newer than the state.
///
/// # Errors
/// 404 when there is no such batch.
pub(crate) async fn read(cx: &Context, id: OperationId) -> Result<Batch, Problem> {
    let mut batch = counted(cx, id).await?;
    if batch.finished_at.is_none() && batch.progress.counts.running == 0 {
        batch.waiting_for = waiting::of_batch(&batch, &waiting::staff(cx).await?);
    }
    Ok(batch)
}

async fn counted(cx: &Context, id: OperationId) -> Result<Batch, Problem> {
    let view = |batch, counts| view(batch, counts, cx.public_path());
    let mut asked = Instant::now();
    let mut batch = row(cx, id).await?;
    loop {
        if let Some(totals) = batch.totals {
            return Ok(view(batch, totals));
        }
        if batch.finished_at.is_some() {
            let counts = count(cx, id).await?;
            return Ok(view(batch, counts));
        }
        let counted = cx.counts().of(id, batch.run, count(cx, id)).await?;
        if counted.at <= asked && counted.counts.run == batch.run {
            return Ok(view(batch, counted.counts));
        }
        // Counted after the row was read, so it may know of what the row does not.
        asked = Instant::now();
        batch = row(cx, id).await?;
        if batch.finished_at.is_none() && counted.counts.run == batch.run {
            return Ok(view(batch, counted.counts));
        }
    }
}

async fn row(cx: &Context, id: OperationId) -> Result<operations::Operation, Problem> {
    let mut conn = cx.pool().acquire().await?;
    operations::find(&mut conn, id).await?.ok_or_else(|| Problem::batch_not_found(id))
}

async fn count(cx: &Context, id: OperationId) -> Result<Counts, Problem> {
    let mut conn = cx.pool().acquire().await?;
    operations::count(&mut conn, id).await?.ok_or_else(|| Problem::batch_not_found(id))
}

/// Where a batch is found by callers, below `public_path`.
pub(crate) fn path(public_path: &str, id: OperationId) -> String {
    format!("{public_path}/api/v1/batches/{id}")
}

fn links(public_path: &str, id: OperationId) -> Links {
    let this = path(public_path, id);
    Links {
        results: format!("{this}/results"),
        cancel: format!("{this}/cancel"),
        retry: format!("{this}/retry"),
        pause: format!("{this}/pause"),
        resume: format!("{this}/resume"),
        reveal_api_keys: format!("{this}/api-keys/reveal"),
        this,
    }
}

/// A batch of a list.
pub(crate) fn summary(batch: BatchLine, public_path: &str) -> BatchSummary {
    BatchSummary {
        batch_id: batch.id,
        state: batch.state.into(),
        mode: batch.mode.into(),
        paused: batch.paused,
        run_at: batch.run_at,
        total: batch.total,
        created_at: batch.created_at,
        started_at: batch.started_at,
        finished_at: batch.finished_at,
        links: links(public_path, batch.id),
    }
}

fn view(batch: operations::Operation, counts: Counts, public_path: &str) -> Batch {
    let begun = batch.started_at.is_some() || batch.finished_at.is_some();
    let culprit = |Culprit { index, code, message }: Culprit| BatchError { index, code, message };
    Batch {
        batch_id: batch.id,
        state: batch.state.into(),
        mode: batch.mode.into(),
        paused: batch.paused,
        run_at: batch.run_at,
        waiting_for: None,
        progress: progress(&batch, counts),
        error: batch.culprit.map(culprit),
        created_at: batch.created_at,
        started_at: batch.started_at,
        finished_at: batch.finished_at,
        processing_time_ms: begun.then_some(batch.elapsed_ms),
        links: links(public_path, batch.id),
    }
}

fn progress(batch: &operations::Operation, counted: Counts) -> BatchProgress {
    let counts = counted.progress;
    let speed = batch.started_at.and_then(|_| per_second(counted.ended_in_run, batch.elapsed_ms));
    let eta_seconds = match speed {
        Some(speed) if speed > 0.0 && batch.finished_at.is_none() => {
            seconds_for(counts.open(), speed)
        }
        _ => None,
    };
    let tenants_per_second = speed.map(|speed| (speed * 10.0).round() / 10.0);
    BatchProgress { percent: counts.percent(), counts, tenants_per_second, eta_seconds }
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
    use chrono::Utc;
    use domain::{Mode, OperationState, Progress};
    use store::operations::Operation;

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
        let view = view(batch(3000), counts(30, 101), "");

        assert_eq!(view.progress.tenants_per_second, Some(10.0));
        assert_eq!(view.progress.eta_seconds, Some(11));
        assert_eq!(view.processing_time_ms, Some(3000));
    }

    #[test]
    fn promises_no_time_before_it_knows_a_speed_nor_after_the_end() {
        let unbegun = view(Operation { started_at: None, ..batch(900) }, counts(0, 5), "");
        let first = view(batch(900), counts(0, 5), "");
        let over =
            view(Operation { finished_at: Some(Utc::now()), ..batch(900) }, counts(5, 0), "");

        assert_eq!(unbegun.progress.tenants_per_second, None);
        assert_eq!(unbegun.processing_time_ms, None);
        assert_eq!(first.progress.eta_seconds, None);
        assert_eq!((over.progress.eta_seconds, over.progress.percent), (None, 100.0));
    }

    #[test]
    fn has_the_field_names_of_the_contract() {
        let json = serde_json::to_value(view(batch(1000), counts(1, 1), "/t")).unwrap();

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
