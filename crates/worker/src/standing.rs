//! What keeps this worker from work: `/readyz` answers with it, and the table of workers holds it,
//! so that the API can say why work waits.

use std::time::Duration;

use store::Connections;
use tokio::sync::watch;

use crate::life::{fresh_id, host};

/// Longest wait for the database to take a reason. It may be what is missing.
const PATIENCE: Duration = Duration::from_secs(2);

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
        let told = tokio::time::timeout(PATIENCE, told).await;
        if let Err(error) = told.unwrap_or(Err(sqlx::Error::PoolTimedOut)) {
            tracing::debug!(%error, "the database did not take why this worker cannot start");
        }
    }
}
