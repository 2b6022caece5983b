//! `/healthz`, `/readyz` and `/metrics` of a worker.

use std::time::Duration;

use axum::{Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use sqlx::PgPool;
use telemetry::Metrics;
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;

/// Longest wait for the database to answer.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Clone)]
struct Health {
    pool: watch::Receiver<PgPool>,
    metrics: Metrics,
}

/// Serves until `stop`.
///
/// # Errors
/// When the listener fails.
pub(crate) async fn serve(
    listener: TcpListener,
    pool: watch::Receiver<PgPool>,
    metrics: Metrics,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route(
            "/metrics",
            get(|State(health): State<Health>| async move { health.metrics.render() }),
        )
        .with_state(Health { pool, metrics });
    axum::serve(listener, router)
        .with_graceful_shutdown(async move { stop.cancelled().await })
        .await
}

async fn ready(State(health): State<Health>) -> impl IntoResponse {
    let pool = health.pool.borrow().clone();
    let asked = tokio::time::timeout(PATIENCE, queue::is_set_up(&pool)).await;
    match asked.unwrap_or(Err(sqlx::Error::PoolTimedOut)) {
        Ok(true) => (StatusCode::OK, "ready\n"),
        Ok(false) => (StatusCode::SERVICE_UNAVAILABLE, "the database is not migrated\n"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the database cannot be reached\n"),
    }
}
