//! The queue's own connections.

use sqlx::{PgConnection, PgPool, postgres::PgConnectOptions};

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

/// How the queue's sessions on `url` are opened.
///
/// They may not scan the jobs table: the queue's acknowledgement joins it to a list whose length the
/// planner cannot know, and would read the whole history each time. Nor do they wait for the disk: a
/// fetch or acknowledgement that a crash of the server undoes is a job delivered again, and costs
/// time only.
///
/// # Errors
/// When `url` is not a PostgreSQL URL.
pub fn options(url: &str, database: &settings::Database) -> sqlx::Result<PgConnectOptions> {
    let options = store::by_key(store::options(url, database, "tenantry-queue")?);
    Ok(options.options([("synchronous_commit", "off")]))
}

/// A pool for [`crate::consume`]: one connection listens, the others fetch and acknowledge. All are
/// opened at once: apalis, which asks the pool itself, waits for a new one while others come back.
#[must_use]
pub fn pool(
    options: PgConnectOptions,
    database: &settings::Database,
    queue: &settings::Queue,
) -> PgPool {
    store::pool_options(database)
        .max_connections(queue.max_connections)
        .min_connections(queue.max_connections)
        .after_connect(|conn, _| {
            Box::pin(async {
                store::ready(conn).await?;
                enter(conn).await
            })
        })
        .connect_lazy_with(options)
}
