//! The queue as a whole, and the health of a process.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::WaitingFor;

/// The queue as a whole.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Queue {
    /// Whether workers begin nothing.
    pub paused: bool,
    /// Since when.
    pub paused_at: Option<DateTime<Utc>>,
    /// Tenants that wait for a worker, those of paused and of later batches too; 10000 stands for
    /// that many or more.
    pub waiting: u64,
    /// Tenants in the hands of workers.
    pub running: u64,
    /// Why nothing that waits is begun; null when it is, or nothing waits.
    pub waiting_for: Option<WaitingFor>,
    /// The workers that have not signed off, oldest first.
    pub workers: Vec<Worker>,
}

/// One worker process.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Worker {
    /// Its id, fresh at every start.
    pub id: String,
    /// The machine it runs on.
    pub host: String,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// When it was last heard of.
    pub seen_at: DateTime<Utc>,
    /// Tenants in its hands.
    pub busy: u64,
}

/// The process is fine.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// Always `ok`.
    #[schema(example = "ok")]
    pub status: String,
    /// What keeps accepted work from being done, although requests are served; left out when nothing
    /// does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}
