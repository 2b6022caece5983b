//! Notices when the pool's connections are dead without anybody having said so, and replaces it.
//!
//! A connection that a router forgot, or whose other end lost its power, answers nothing and fails
//! nothing, for as long as the operating system's patience lasts: a quarter of an hour. Requests
//! that run out of time give their connections back, and the pool waits for those for just as
//! long, until it has none left.

use std::time::Duration;

use sqlx::{Connection, PgConnection, PgPool};
use tokio::time;
use tracing::{error, warn};

use crate::context::Context;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(5);

/// Longest wait for an answer that a server with nothing in its way gives at once.
const PATIENCE: Duration = Duration::from_secs(2);

/// Looks in a row without an answer after which the pool is given up.
const STRIKES: u32 = 2;

/// Looks after the pool until `stop`; `open` makes a new one.
pub(crate) async fn run(context: Context, open: impl Fn() -> sqlx::Result<PgPool>) {
    let stop = context.stop().clone();
    stop.run_until_cancelled(watch(&context, open)).await;
}

async fn watch(context: &Context, open: impl Fn() -> sqlx::Result<PgPool>) {
    let mut strikes = 0;
    let mut ticks = time::interval(EVERY);
    ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if answers(async { ask(&mut *context.pool().acquire().await?).await }).await {
            strikes = 0;
            continue;
        }
        strikes += 1;
        // With the database away a new pool would be no better.
        if strikes < STRIKES || !answers(ask_anew(&context.pool())).await {
            continue;
        }
        match open() {
            Ok(pool) => {
                error!("no connection of the pool answers, and new ones do: replacing the pool");
                context.replace_pool(pool);
                strikes = 0;
            }
            Err(error) => warn!(%error, "could not make a new pool"),
        }
    }
}

async fn answers(question: impl Future<Output = sqlx::Result<()>>) -> bool {
    matches!(time::timeout(PATIENCE, question).await, Ok(Ok(())))
}

async fn ask(conn: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query("select 1").execute(conn).await?;
    Ok(())
}

/// Asks over a connection that is not the pool's.
async fn ask_anew(pool: &PgPool) -> sqlx::Result<()> {
    let mut conn = PgConnection::connect_with(&pool.connect_options()).await?;
    ask(&mut conn).await?;
    conn.close().await
}
