//! `/healthz`, `/readyz` and `/metrics` of a worker. What keeps it from work is answered by `/readyz`, and
//! stands in the table of workers, so that the API can say why work waits.

use std::time::Duration;

use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use serde_json::json;
use store::{Connections, Fit};
use telemetry::Metrics;
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;

use crate::life::{fresh_id, host};

/// Longest wait for the database to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Longest wait for the database to take a reason. It may be what is missing.
const TELLING: Duration = Duration::from_secs(2);

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

/// Whether this process works, and if not, why.
#[derive(Debug)]
pub(crate) struct Standing {
    /// The process's row while it cannot start. A life has another one.
    id: String,
    trouble: watch::Sender<Option<String>>,
}

impl Standing {
    /// A process that has not started to work.
    pub(crate) fn new() -> Self {
        let trouble = watch::Sender::new(Some("the worker is starting".to_owned()));
        Self { id: fresh_id(), trouble }
    }

    /// Follows what keeps this process from work; `None` while it works.
    pub(crate) fn trouble(&self) -> watch::Receiver<Option<String>> {
        self.trouble.subscribe()
    }

    pub(crate) fn works(&self) {
        self.trouble.send_replace(None);
    }

    /// The worker cannot start, for this reason.
    pub(crate) async fn refused(&self, pool: &Connections, reason: &str) {
        self.trouble.send_replace(Some(reason.to_owned()));
        let told = async {
            let mut conn = pool.acquire().await?;
            let version = env!("CARGO_PKG_VERSION");
            let pid = std::process::id();
            store::workers::refuse(&mut conn, &self.id, &host(), pid, version, reason).await
        };
        let told = tokio::time::timeout(TELLING, told).await;
        if let Err(error) = told.unwrap_or(Err(sqlx::Error::PoolTimedOut)) {
            tracing::debug!(%error, "the database did not take why this worker cannot start");
        }
    }
}
