//! `GET /queue`: what waits, what runs, who works.

use axum::{Json, extract::State};

use crate::{
    auth::CanView,
    context::Context,
    documented::Common,
    problem::Problem,
    queue_view::{self, QueueView},
};

/// Show the queue
#[utoipa::path(
    get,
    path = "/queue",
    tag = "queue",
    responses(
        (status = 200, description = "The queue", body = QueueView),
        Common,
    ),
)]
pub(crate) async fn get_queue(
    _: CanView,
    State(cx): State<Context>,
) -> Result<Json<QueueView>, Problem> {
    queue_view::read(&cx).await
}
