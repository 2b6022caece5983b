//! `GET /readyz`: the process can do its work.

use axum::{Json, extract::State};
use store::Fit;

use super::healthz::Health;
use crate::{
    context::Context,
    problem::{Problem, ProblemBody},
    waiting::{self, WaitingView},
};

/// Say whether requests can be served
///
/// The control database answers, takes transactions that write, has every migration this program
/// knows, and the queue's schema.
/// Requests are served without a worker too; `warning` says then why work waits.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "operations",
    security(()),
    responses(
        (status = 200, description = "They can", body = Health),
        (status = 503, description = "The database does not answer (`database_unavailable`), or is \
            not migrated (`not_migrated`)", body = ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn readyz(State(cx): State<Context>) -> Result<Json<Health>, Problem> {
    let asked = async {
        let mut conn = cx.pool().acquire().await?;
        store::takes_transactions(&mut conn).await?;
        store::fit(&mut conn).await
    };
    match asked.await.map_err(unready)? {
        Fit::Older => Err(Problem::not_migrated()),
        Fit::Fits | Fit::Newer { .. } => {
            let warning = WaitingView::of_queue(&waiting::staff(&cx).await?);
            Ok(Json(Health { status: "ok", warning: warning.map(|it| it.message) }))
        }
    }
}

/// To those who ask whether to send requests here it is the same why no connection is to be had.
fn unready(error: sqlx::Error) -> Problem {
    match error {
        sqlx::Error::PoolTimedOut => Problem::database_unavailable(error),
        other => other.into(),
    }
}
