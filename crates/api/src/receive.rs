//! Receives a submission: its body is read as it arrives, and kept as text alone.
//!
//! Nothing of the database is in use meanwhile: how long a body takes is up to the caller.

use axum::extract::Request;
use tokio::task::spawn_blocking;

use crate::{
    arriving::Arriving,
    body::{Fields, HowAsked, SentBatch},
    context::Context,
    extract::{self, Kind},
    lines::Lines,
    problem::Problem,
};

/// Bytes of lines that arrive before they are looked at: what one visit to another thread is worth.
const READ_AT_ONCE: usize = 64 << 10;

/// The batch that `request` sends.
///
/// # Errors
/// 400 when it is not JSON, 408 when it stops to arrive, 413 when it has too many bytes or
/// tenants, 415 when it is something else, 422 when it is JSON of another form. Of lines as soon as
/// the one that is wrong has arrived.
pub(crate) async fn receive(
    cx: &Context,
    request: Request,
    asked: HowAsked<'_>,
) -> Result<SentBatch, Problem> {
    let kind = extract::kind(request.headers())?;
    let most = cx.settings().api.max_tenants_per_batch;
    let mut body = Arriving::of(cx, request, usize::MAX);
    let fields = match kind {
        Kind::Json => document(&mut body, most).await?,
        Kind::Ndjson => lines(&mut body, most).await?,
    };
    let mut sent = SentBatch::of(fields, asked, most)?;
    sent.tenants = sent.tenants.holding(body.into_room());
    Ok(sent)
}

async fn document(body: &mut Arriving, most: usize) -> Result<Fields, Problem> {
    let body = body.whole().await?;
    with_time(move || Fields::of_object(body, most)).await
}

async fn lines(body: &mut Arriving, most: usize) -> Result<Fields, Problem> {
    let mut lines = Lines::new(most);
    while let Some(piece) = body.next().await? {
        lines.push(&piece);
        if lines.unread() >= READ_AT_ONCE {
            lines = with_time(move || lines.read().map(|()| lines)).await?;
        }
    }
    with_time(move || lines.finish().map(Fields::of_lines)).await
}

/// Does `work` on a thread that may take its time: there may be much to read.
pub(crate) async fn with_time<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    spawn_blocking(work).await.map_err(Problem::internal)?
}
