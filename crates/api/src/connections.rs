//! The connections of a process: those that it holds are enough to go on.

use std::{ops::Deref, pin::pin, time::Duration};

use sqlx::{PgPool, Postgres, Transaction, pool::PoolConnection};
use tokio::time::sleep;

/// Between two looks for a connection that was given back.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A pool that gives out what is given back also while the server refuses it another connection: any
/// role may take all that the server has, and a caller would wait for one that never comes.
#[derive(Debug, Clone)]
pub(crate) struct Connections(PgPool);

impl Connections {
    /// Those of `pool`.
    pub(crate) fn of(pool: PgPool) -> Self {
        Self(pool)
    }

    /// A connection: an idle one, a new one, or the first that is given back.
    ///
    /// # Errors
    /// When there was none in time.
    pub(crate) async fn acquire(&self) -> sqlx::Result<PoolConnection<Postgres>> {
        let mut acquired = pin!(self.0.acquire());
        loop {
            tokio::select! {
                biased;
                conn = &mut acquired => return conn,
                () = sleep(LOOK_EVERY) => {
                    if let Some(conn) = self.0.try_acquire() {
                        return Ok(conn);
                    }
                }
            }
        }
    }

    /// A transaction on such a connection.
    ///
    /// # Errors
    /// When there was none in time, or it broke.
    pub(crate) async fn begin(&self) -> sqlx::Result<Transaction<'static, Postgres>> {
        Transaction::begin(self.acquire().await?, None).await
    }
}

impl Deref for Connections {
    type Target = PgPool;

    fn deref(&self) -> &PgPool {
        &self.0
    }
}
