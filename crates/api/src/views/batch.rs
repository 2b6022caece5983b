//! A batch as callers see it: an operation of kind `provision` under its public name.

use contract::{Batch, BatchSummary, Links, Operation, OperationLinks, OperationSummary};
use domain::OperationId;
use store::operations::Line;

use super::{Under, operation};
use crate::{context::Context, http::problem::Problem};

/// The batch as it is now, with what keeps it from being worked on.
///
/// # Errors
/// 404 when there is no such batch.
pub(crate) async fn read(cx: &Context, id: OperationId) -> Result<Batch, Problem> {
    operation::read(cx, Under::Batches, id).await.map(batch)
}

/// Where a batch is found by callers, below `public_path`.
pub(crate) fn path(public_path: &str, id: OperationId) -> String {
    Under::Batches.path(public_path, id)
}

/// A batch of a list.
pub(crate) fn summary(line: Line, public_path: &str) -> BatchSummary {
    let it: OperationSummary = operation::summary(line, Under::Batches, public_path);
    BatchSummary {
        batch_id: it.operation_id,
        state: it.state,
        mode: it.mode,
        paused: it.paused,
        run_at: it.run_at,
        total: it.total,
        created_at: it.created_at,
        started_at: it.started_at,
        finished_at: it.finished_at,
        links: links(it.links),
    }
}

fn batch(it: Operation) -> Batch {
    Batch {
        batch_id: it.operation_id,
        state: it.state,
        mode: it.mode,
        paused: it.paused,
        run_at: it.run_at,
        waiting_for: it.waiting_for,
        error: it.error,
        progress: it.progress,
        created_at: it.created_at,
        started_at: it.started_at,
        finished_at: it.finished_at,
        processing_time_ms: it.processing_time_ms,
        links: links(it.links),
    }
}

fn links(it: OperationLinks) -> Links {
    Links {
        results: format!("{}/results", it.this),
        reveal_api_keys: format!("{}/api-keys/reveal", it.this),
        cancel: it.cancel,
        retry: it.retry,
        pause: it.pause,
        resume: it.resume,
        this: it.this,
    }
}
