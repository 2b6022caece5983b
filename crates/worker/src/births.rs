//! Follows the version that new tenants are given: from one migration of the fleet to the next another one.

use std::{sync::Arc, time::Duration};

use engine::PlanError;
use operations::{Plans, births, learning::LearnError};
use store::{Connections, tenants::Place};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Between two tries when one failed.
const REST: Duration = Duration::from_secs(5);

pub(crate) struct Follower {
    pub(crate) pool: Connections,
    pub(crate) plans: watch::Sender<Arc<Plans>>,
    /// What is in force, as the last heartbeat found it.
    pub(crate) birth: watch::Receiver<Option<Place>>,
}

#[derive(Debug, thiserror::Error)]
enum FollowError {
    #[error("it cannot be given to new tenants")]
    Learn(#[from] LearnError),
    #[error("the plan cannot be followed")]
    Plan(#[from] PlanError),
    #[error("the control database failed")]
    Database(#[from] sqlx::Error),
}

impl Follower {
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        stop.run_until_cancelled(async {
            while self.birth.changed().await.is_ok() {
                while let Err(error) = self.follow().await {
                    let cause = telemetry::chain(&error);
                    warn!(cause, "new tenants are given another version as yet; trying again");
                    tokio::time::sleep(REST).await;
                }
            }
        })
        .await;
    }

    async fn follow(&self) -> Result<(), FollowError> {
        let parts = Arc::clone(self.plans.borrow().parts());
        let followed = births::follow(&mut *self.pool.acquire().await?, &parts).await?;
        if let Some(parts) = followed {
            let version = parts.migrations.head().map_or("none", |version| version.as_str());
            info!("new tenants are given version {version} of the migrations from now on");
            self.plans.send_replace(Arc::new(Plans::new(&Arc::new(parts))?));
        }
        Ok(())
    }
}
