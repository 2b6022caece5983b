//! `/healthz`, `/readyz` and `/metrics` of a worker.

use std::time::Duration;

use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use serde_json::json;
use store::{Connections, Fit};
use telemetry::Metrics;
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;

/// Longest wait for the database to answer.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Clone)]
struct Health {
    pool: watch::Receiver<Connections>,
    /// What keeps the worker from work.
    trouble: watch::Receiver<Option<String>>,
    metrics: Metrics,
}

/// Serves until `stop`.
///
/// # Errors
/// When the listener fails.
pub(crate) async fn serve(
    listener: TcpListener,
    pool: watch::Receiver<Connections>,
    trouble: watch::Receiver<Option<String>>,
    metrics: Metrics,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let router = Router::new()
        .route("/healthz", get(|| async { Json(json!({ "status": "ok" })) }))
        .route("/readyz", get(ready))
        .route(
            "/metrics",
            get(|State(health): State<Health>| async move { health.metrics.render() }),
        )
        .with_state(Health { pool, trouble, metrics });
    axum::serve(listener, router)
        .with_graceful_shutdown(async move { stop.cancelled().await })
        .await
}

async fn ready(State(health): State<Health>) -> (StatusCode, String) {
    let unready = |why: &str| (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n"));
    let pool = health.pool.borrow().clone();
    let asked = async { store::fit(&mut *pool.acquire().await?).await };
    match tokio::time::timeout(PATIENCE, asked).await.unwrap_or(Err(sqlx::Error::PoolTimedOut)) {
        Ok(fit) => {
            let trouble = misfit(fit).or_else(|| health.trouble.borrow().clone());
            trouble.map_or((StatusCode::OK, "ready\n".to_owned()), |why| unready(&why))
        }
        Err(error) if store::is_refused_login(&error) => {
            unready("the database refuses this worker's password")
        }
        Err(_) => unready("the database cannot be reached"),
    }
}

/// Why the control schema does not fit this program, if it does not.
pub(crate) fn misfit(fit: Fit) -> Option<String> {
    match fit {
        Fit::Fits => None,
        Fit::Older => {
            Some("the database is not migrated: run `tenantry migrate public up`".to_owned())
        }
        Fit::Newer { schema, known } => Some(format!(
            "the control schema has version {schema} and this worker knows {known}: start the \
             worker of the newer release"
        )),
    }
}
