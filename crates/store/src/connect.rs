//! Opens the pool on the control database.

use std::{str::FromStr, time::Duration};

use sqlx::{
    Connection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

/// Longest silence of a session within a transaction, in milliseconds. A process that was cut off
/// holds locks no longer than this: a request that is sent again waits for those of its first try.
const SILENCE_MS: u32 = 10_000;

/// A connection used this recently is not asked whether it still lives.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// A pool on `url`, with the limits of the settings; connects lazily.
///
/// Sessions carry a statement time-out as the last defence against a query that never ends and
/// an application name, so that `pg_stat_activity` says who is who.
///
/// # Errors
/// When `url` is not a PostgreSQL URL.
pub fn connect(url: &str, database: &settings::Database, name: &str) -> sqlx::Result<PgPool> {
    Ok(pool(options(url, database, name)?, database))
}

/// As [`connect`], for sessions that only ever look up what they know the keys of: they find it by
/// index. The planner, which cannot know how long a list of keys is, or how many rows a table has
/// gained since it was last counted, would now and then read all of a table instead.
///
/// # Errors
/// When `url` is not a PostgreSQL URL.
pub fn connect_by_key(
    url: &str,
    database: &settings::Database,
    name: &str,
) -> sqlx::Result<PgPool> {
    let by_key =
        [("enable_seqscan", "off"), ("enable_hashjoin", "off"), ("enable_mergejoin", "off")];
    Ok(pool(options(url, database, name)?.options(by_key), database))
}

fn options(url: &str, database: &settings::Database, name: &str) -> sqlx::Result<PgConnectOptions> {
    Ok(PgConnectOptions::from_str(url)?.application_name(name).options([
        ("statement_timeout", database.statement_timeout_ms.to_string()),
        ("idle_in_transaction_session_timeout", SILENCE_MS.to_string()),
    ]))
}

fn pool(options: PgConnectOptions, database: &settings::Database) -> PgPool {
    PgPoolOptions::new()
        .max_connections(database.max_connections)
        .acquire_timeout(Duration::from_millis(database.acquire_timeout_ms))
        // Asked each time it is taken, a connection in use costs a round trip more.
        .test_before_acquire(false)
        .before_acquire(|conn, meta| {
            Box::pin(async move { Ok(meta.idle_for < TRUSTED_FOR || conn.ping().await.is_ok()) })
        })
        .connect_lazy_with(options)
}
