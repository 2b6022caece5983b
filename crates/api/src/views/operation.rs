//! An operation as callers see it: read at a cost that does not grow with it.

use std::time::{Duration, Instant};

use contract::{
    BatchError, BatchProgress, OpenEnum, Operation, OperationLinks, OperationStatus,
    OperationSummary, SummaryStatus,
};
use domain::{OperationId, PauseReason};
use store::operations::{self, Counts, Culprit, Line};

use super::Under;
use crate::{context::Context, http::problem::Problem, views::waiting};

/// The operation as it is now, with what keeps it from being worked on.
///
/// State and times are those of this moment. The progress of a large open operation may be 250 ms old,
/// and is never newer than the state.
///
/// # Errors
/// 404 when there is no such operation under this name.
pub(crate) async fn read(
    cx: &Context,
    under: Under,
    id: OperationId,
) -> Result<Operation, Problem> {
    let (found, counts) = counted(cx, under, id).await?;
    let kind = found.kind;
    let mut operation = view(found, counts, under, cx.public_path());
    let status = &operation.status;
    if status.finished_at.is_none() && status.progress.counts.running == 0 {
        let set = waiting::set(&operation.params);
        let staff = waiting::staff(cx, kind, set).await?;
        operation.status.waiting_for = match waiting::of_operation(&operation, &staff, under) {
            None if operation.status.progress.counts.queued > 0 => {
                waiting::for_another(&mut *cx.pool().acquire().await?, id).await?
            }
            why => why,
        };
    }
    Ok(operation)
}

async fn counted(
    cx: &Context,
    under: Under,
    id: OperationId,
) -> Result<(operations::Operation, Counts), Problem> {
    let mut asked = Instant::now();
    let mut found = row(cx, under, id).await?;
    loop {
        if let Some(totals) = found.totals {
            return Ok((found, totals));
        }
        if found.finished_at.is_some() {
            let counts = count(cx, under, id).await?;
            return Ok((found, counts));
        }
        let counted = cx.counts.of(id, found.run, count(cx, under, id)).await?;
        if counted.at <= asked && counted.counts.run == found.run {
            return Ok((found, counted.counts));
        }
        // Counted after the row was read, so it may know of what the row does not.
        asked = Instant::now();
        found = row(cx, under, id).await?;
        if found.finished_at.is_none() && counted.counts.run == found.run {
            return Ok((found, counted.counts));
        }
    }
}

async fn row(
    cx: &Context,
    under: Under,
    id: OperationId,
) -> Result<operations::Operation, Problem> {
    let mut conn = cx.pool().acquire().await?;
    let found = operations::find(&mut conn, id).await?;
    let here = found.filter(|found| under.kind().is_none_or(|only| only == found.kind));
    here.ok_or_else(|| under.not_found(id))
}

async fn count(cx: &Context, under: Under, id: OperationId) -> Result<Counts, Problem> {
    let mut conn = cx.pool().acquire().await?;
    operations::count(&mut conn, id).await?.ok_or_else(|| under.not_found(id))
}

fn links(under: Under, public_path: &str, id: OperationId) -> OperationLinks {
    let this = under.path(public_path, id);
    OperationLinks {
        items: format!("{this}/items"),
        cancel: format!("{this}/cancel"),
        retry: format!("{this}/retry"),
        pause: format!("{this}/pause"),
        resume: format!("{this}/resume"),
        this,
    }
}

/// An operation of a list.
pub(crate) fn summary(line: Line, under: Under, public_path: &str) -> OperationSummary {
    OperationSummary {
        operation_id: line.id,
        kind: line.kind.into(),
        status: SummaryStatus {
            state: line.state.into(),
            mode: line.mode.into(),
            paused: line.paused,
            run_at: line.run_at,
            total: line.total,
            created_at: line.created_at,
            started_at: line.started_at,
            finished_at: line.finished_at,
        },
        links: links(under, public_path, line.id),
    }
}

fn view(
    found: operations::Operation,
    counts: Counts,
    under: Under,
    public_path: &str,
) -> Operation {
    let begun = found.started_at.is_some() || found.finished_at.is_some();
    let progress = progress(&found, counts);
    let culprit = |Culprit { index, code, message }: Culprit| BatchError { index, code, message };
    Operation {
        operation_id: found.id,
        kind: found.kind.into(),
        status: OperationStatus {
            state: found.state.into(),
            mode: found.mode.into(),
            paused: found.paused,
            pause_reasons: reasons(&found),
            run_at: found.run_at,
            waiting_for: None,
            error: found.culprit.map(culprit),
            progress,
            created_at: found.created_at,
            started_at: found.started_at,
            finished_at: found.finished_at,
            processing_time_ms: begun.then_some(found.elapsed_ms),
        },
        params: found.params,
        links: links(under, public_path, found.id),
    }
}

fn reasons(found: &operations::Operation) -> Option<Vec<OpenEnum<PauseReason>>> {
    let reasons = match &found.rollout {
        Some(place) => place.reasons.clone(),
        None => Vec::from_iter(found.paused.then_some(PauseReason::User)),
    };
    (!reasons.is_empty()).then(|| reasons.into_iter().map(Into::into).collect())
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
    use domain::{Kind, Mode, OperationState, Progress};
    use store::operations::Operation;

    use serde_json::json;

    use super::{super::Under::Batches, *};

    fn counts(ended: u64, open: u64) -> Counts {
        let progress =
            Progress { total: ended + open, queued: open, succeeded: ended, ..Progress::default() };
        Counts { run: 1, progress, ended_in_run: ended }
    }

    fn batch(elapsed_ms: i64) -> Operation {
        let now = Utc::now();
        Operation {
            id: OperationId::mint(),
            kind: Kind::Provision,
            params: json!({}),
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
            rollout: None,
            culprit: None,
            elapsed_ms,
        }
    }

    #[test]
    fn tells_speed_and_remaining_time_from_what_is_done() {
        let view = view(batch(3000), counts(30, 101), Batches, "");

        assert_eq!(view.status.progress.tenants_per_second, Some(10.0));
        assert_eq!(view.status.progress.eta_seconds, Some(11));
        assert_eq!(view.status.processing_time_ms, Some(3000));
    }

    #[test]
    fn promises_no_time_before_it_knows_a_speed_nor_after_the_end() {
        let unbegun = view(Operation { started_at: None, ..batch(900) }, counts(0, 5), Batches, "");
        let first = view(batch(900), counts(0, 5), Batches, "");
        let over = view(
            Operation { finished_at: Some(Utc::now()), ..batch(900) },
            counts(5, 0),
            Batches,
            "",
        );

        assert_eq!(unbegun.status.progress.tenants_per_second, None);
        assert_eq!(unbegun.status.processing_time_ms, None);
        assert_eq!(first.status.progress.eta_seconds, None);
        assert_eq!((over.status.progress.eta_seconds, over.status.progress.percent), (None, 100.0));
    }

    #[test]
    fn has_the_field_names_of_the_contract() {
        let json = serde_json::to_value(view(batch(1000), counts(1, 1), Batches, "/t")).unwrap();

        assert!(json["links"]["self"].as_str().unwrap().starts_with("/t/api/v1/batches/"));
        let fields = "operation_id kind params state mode paused run_at waiting_for error progress \
            created_at started_at finished_at processing_time_ms links";
        for field in fields.split_whitespace() {
            assert!(json.get(field).is_some(), "{field}");
        }
        let fields = "total queued running retrying succeeded failed cancelled rolled_back percent \
            tenants_per_second eta_seconds";
        for field in fields.split_whitespace() {
            assert!(json["progress"].get(field).is_some(), "{field}");
        }
    }
}
