//! Reads a batch as it is now, at a cost that does not grow with it.

use std::time::Instant;

use domain::OperationId;
use store::operations::{self, Counts, Operation};

use crate::{batch_view::BatchView, context::Context, problem::Problem};

/// The batch as it is now. State and times are those of this moment; of an open batch that is large
/// the progress may be half a second old, and is never newer than the state.
///
/// # Errors
/// 404 when there is none.
pub(crate) async fn read(cx: &Context, id: OperationId) -> Result<BatchView, Problem> {
    let view = |batch, counts| BatchView::of(batch, counts, cx.public_path());
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

async fn row(cx: &Context, id: OperationId) -> Result<Operation, Problem> {
    let mut conn = cx.pool().acquire().await?;
    operations::find(&mut conn, id).await?.ok_or_else(|| Problem::batch_not_found(id))
}

async fn count(cx: &Context, id: OperationId) -> Result<Counts, Problem> {
    let mut conn = cx.pool().acquire().await?;
    operations::count(&mut conn, id).await?.ok_or_else(|| Problem::batch_not_found(id))
}
