//! How many calls are worked on at a time. One too many is told to come back, at once: waiting in
//! line would only make all of them late.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use tokio::sync::Semaphore;

use crate::{context::Context, problem::Problem};

/// Marks a request on a connection that was one too many: it is answered and not worked on, unless
/// it asks for the health of the process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OneTooMany;

/// Lets a request through if there is room for it, and holds the room until its answer begins.
///
/// # Errors
/// 503 when there is none.
pub(crate) async fn admit(
    State(cx): State<Context>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if request.extensions().get::<OneTooMany>().is_some() {
        return Err(Problem::overloaded());
    }
    let room = Arc::clone(cx.in_flight()).try_acquire_owned();
    let _room = room.map_err(|_| Problem::overloaded())?;
    Ok(next.run(request).await)
}

/// Room for `most` calls at a time.
pub(crate) fn room(most: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(most))
}
