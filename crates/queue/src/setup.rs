//! Makes the queue's schema, and mends in it what costs more as it grows.

use apalis_postgres::PostgresStorage;
use sqlx::PgPool;

/// The queue's schema could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The queue's own migrations failed.
    #[error("could not migrate the queue's schema")]
    Migrate(#[source] apalis_postgres::Error),
    /// Our tuning of it failed.
    #[error("could not tune the queue's schema")]
    Tune(#[source] sqlx::Error),
}

/// Serialises two set-ups at once; any constant that nobody else uses will do.
const SETUP_LOCK: i64 = 0x7465_6e61_6e74_7131;

/// Each line answers something measured on a stock schema.
///
/// - The three indexes hold the whole history or repeat another; `jobs_inflight` answers the same
///   look-ups (who holds which job) from the few rows in flight.
/// - The row trigger sends one NOTIFY a job; `doorbell` sends one a transaction.
/// - `get_jobs` takes its limit as a parameter, so the planner expects a tenth of the table and
///   scans it all: 500 jobs/s instead of 4,000.
/// - The table churns: it is vacuumed by number of dead rows, not by share of the history.
const TUNING: &str = "
    drop index if exists apalis.lidx, apalis.idx_apalis_jobs_lock_by, apalis.unique_job_id;
    create index if not exists jobs_inflight on apalis.jobs (lock_by)
        where status in ('Queued', 'Running');
    create index if not exists jobs_finished on apalis.jobs (done_at)
        where status in ('Done', 'Killed');
    drop trigger if exists notify_workers on apalis.jobs;
    alter function apalis.get_jobs(text, text, integer) set enable_hashjoin = off;
    alter function apalis.get_jobs(text, text, integer) set enable_mergejoin = off;
    alter function apalis.get_jobs(text, text, integer) set enable_seqscan = off;
    alter table apalis.jobs set (autovacuum_vacuum_scale_factor = 0.0,
        autovacuum_vacuum_threshold = 2000, autovacuum_analyze_scale_factor = 0.0,
        autovacuum_analyze_threshold = 5000);
";

/// Makes or updates the queue's schema (`apalis`). Safe to run again and by several at once.
///
/// Creates the trusted extensions `hstore` and `pgcrypto`, so the role needs CREATE on the
/// database.
///
/// # Errors
/// When the database refuses a statement.
pub async fn setup(pool: &PgPool) -> Result<(), SetupError> {
    PostgresStorage::<()>::setup(pool).await.map_err(SetupError::Migrate)?;
    tune(pool).await.map_err(SetupError::Tune)
}

async fn tune(pool: &PgPool) -> sqlx::Result<()> {
    let mut tx = pool.begin().await?;
    sqlx::query("select pg_advisory_xact_lock($1)").bind(SETUP_LOCK).execute(&mut *tx).await?;
    sqlx::raw_sql(TUNING).execute(&mut *tx).await?;
    tx.commit().await
}

/// Whether [`setup`] has been run on this database, and to its end.
///
/// # Errors
/// When the database cannot be read.
pub async fn is_set_up(pool: &PgPool) -> sqlx::Result<bool> {
    sqlx::query_scalar("select to_regclass('apalis.jobs_inflight') is not null")
        .fetch_one(pool)
        .await
}
