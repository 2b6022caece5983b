//! Stops the process when its database is a copy of the one that the installation lives in.

use std::time::Duration;

use store::origin::{self, OriginError};
use tokio::time;
use tracing::debug;

use crate::context::Context;

/// Between two looks. A pool reconnects by itself, and a name may lead elsewhere by then.
const EVERY: Duration = Duration::from_secs(15);

/// Longest that a start waits for the first look.
const PATIENCE: Duration = Duration::from_secs(2);

/// One look, before anything is served. A database that is away or not migrated is no reason not
/// to start.
///
/// # Errors
/// When the database is a copy.
pub(crate) async fn before_serving(context: &Context) -> Result<(), OriginError> {
    time::timeout(PATIENCE, look(context)).await.unwrap_or(Ok(()))
}

/// Looks until the process stops; stops it when the database is a copy, and says so.
///
/// # Errors
/// When the database is a copy.
pub(crate) async fn watch(context: Context) -> Result<(), OriginError> {
    let copied = async {
        loop {
            time::sleep(EVERY).await;
            if let Err(copied) = look(&context).await {
                return copied;
            }
        }
    };
    context.unless(copied).await
}

async fn look(context: &Context) -> Result<(), OriginError> {
    let looked = async {
        let pool = context.pool();
        origin::check(&mut *pool.acquire().await?).await
    };
    match looked.await {
        Err(OriginError::Database(error)) => {
            debug!(%error, "could not look whether the database is a copy; looking again later");
            Ok(())
        }
        looked => looked,
    }
}
