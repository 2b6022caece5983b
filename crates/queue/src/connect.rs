//! The queue's own connections.

use std::{str::FromStr, time::Duration};

use sqlx::{
    Connection, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

/// A connection used this recently is not asked whether it still lives.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// Where the type `hstore` is, which apalis names without a schema: the extension's schema, or the
/// queue's, where [`crate::setup`] creates it. Quoted.
macro_rules! hstore_schema {
    () => {
        "coalesce((select quote_ident(n.nspname) from pg_catalog.pg_extension e
                   join pg_catalog.pg_namespace n on n.oid = e.extnamespace
                   where e.extname = 'hstore'), 'apalis')"
    };
}
pub(crate) use hstore_schema;

/// Gives a session the search path of the queue: its own schema first, so that what apalis creates
/// without a schema is created there, then that of `hstore`.
pub(crate) async fn enter(conn: &mut PgConnection) -> sqlx::Result<()> {
    let path =
        concat!("select set_config('search_path', 'apalis, ' || ", hstore_schema!(), ", false)");
    sqlx::query(path).execute(conn).await.map(drop)
}

/// A pool for [`crate::consume`]: one connection listens, the others fetch and acknowledge.
///
/// Its sessions may not scan the jobs table: the queue's acknowledgement joins it to a list whose
/// length the planner cannot know, and would read the whole history each time. Nor do they wait
/// for the disk: a fetch or acknowledgement that a crash of the server undoes is a job delivered
/// again, and costs time only.
///
/// # Errors
/// When `url` is not a PostgreSQL URL.
pub fn connect(
    url: &str,
    database: &settings::Database,
    queue: &settings::Queue,
) -> sqlx::Result<PgPool> {
    let options = PgConnectOptions::from_str(url)?.application_name("tenantry-queue").options([
        ("enable_seqscan", "off"),
        ("enable_hashjoin", "off"),
        ("enable_mergejoin", "off"),
        ("synchronous_commit", "off"),
        ("statement_timeout", &database.statement_timeout_ms.to_string()),
        ("idle_in_transaction_session_timeout", "10000"),
    ]);
    Ok(PgPoolOptions::new()
        .max_connections(queue.max_connections)
        .acquire_timeout(Duration::from_millis(database.acquire_timeout_ms))
        // Asked each time it is taken, a connection in use costs a round trip more.
        .test_before_acquire(false)
        .before_acquire(|conn, meta| {
            Box::pin(async move { Ok(meta.idle_for < TRUSTED_FOR || conn.ping().await.is_ok()) })
        })
        .after_connect(|conn, _| Box::pin(enter(conn)))
        .connect_lazy_with(options))
}
