//! Makes the queue's schema, mends in it what costs more as it grows, and says whether that is still there.

use apalis_postgres::PostgresStorage;
use sqlx::{Connection, PgConnection, PgPool, migrate::MigrateError};

use crate::connect;

/// The queue's schema could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Another session holds a lock on the queue's table.
    #[error("could not lock the queue to set it up")]
    Wait(#[source] sqlx::Error),
    /// The queue's own migrations failed.
    #[error("could not migrate the queue's schema")]
    Migrate(#[source] MigrateError),
    /// The database did not answer.
    #[error("could not connect to set up the queue")]
    Connect(#[source] sqlx::Error),
    /// Our tuning of it failed.
    #[error("could not tune the queue's schema")]
    Tune(#[source] sqlx::Error),
}

/// Waits until no other process sets the queue up, 10 seconds at most. The lock is on the queue's own
/// table, to which tenants have no right; before there is one, it is an advisory lock.
const ALONE: &str = "
    set local lock_timeout = '10s';
    do $$ begin
        if to_regclass('apalis.jobs') is null then
            perform pg_advisory_xact_lock(hashtextextended('apalis', 0));
        else
            lock table apalis.jobs in access exclusive mode;
        end if;
    end $$";

/// Each line answers something measured on a stock schema.
///
/// - The three indexes hold the whole history or repeat another; `jobs_inflight` answers the same
///   look-ups (who holds which job) from the few rows in flight.
/// - The row trigger sends one NOTIFY a job, within the transaction; `doorbell` sends one after it.
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

/// Gives the jobs of an earlier version ids that name their items: else no look-up finds them, and each
/// waiting item seems to have none.
const NAMES: &str = r#"
    update apalis.jobs j
    set id = '0' || lpad(o.item, 15, '0') || lpad(floor(random() * 1e10)::bigint::text, 10, '0')
    from (select id, substring(encode(job, 'escape') from '^\{"v":1,"item":([0-9]{1,15})\}$') as item
          from apalis.jobs where status not in ('Done', 'Killed') and id !~ '^0[0-9]{25}$') o
    where j.id = o.id and o.item is not null
"#;

/// Makes or updates the queue's schema (`apalis`), all of it or nothing. Safe to run again and by
/// several at once.
///
/// Runs on a connection of its own with the queue's search path: nothing is made in `public`, which
/// may be missing or belong to another role. Creates the trusted extensions `hstore` and `pgcrypto`
/// in `apalis` unless they are there, in whatever schema: the role needs CREATE on the database, and
/// USAGE on `public` where there is one, since apalis looks there for a function of its past.
///
/// # Errors
/// When the database refuses a statement.
pub async fn setup(pool: &PgPool) -> Result<(), SetupError> {
    let mut conn = pool.acquire().await.map_err(SetupError::Connect)?.detach();
    connect::enter(&mut conn).await.map_err(SetupError::Connect)?;
    let mut tx = conn.begin().await.map_err(SetupError::Connect)?;
    sqlx::raw_sql(ALONE).execute(&mut *tx).await.map_err(SetupError::Wait)?;
    let mut migrator = PostgresStorage::<()>::migrations();
    migrator.set_locking(false);
    migrator.run(&mut *tx).await.map_err(SetupError::Migrate)?;
    sqlx::raw_sql(TUNING).execute(&mut *tx).await.map_err(SetupError::Tune)?;
    sqlx::raw_sql(NAMES).execute(&mut *tx).await.map_err(SetupError::Tune)?;
    tx.commit().await.map_err(SetupError::Tune)?;
    conn.close().await.map_err(SetupError::Connect)
}

/// Whether [`setup`] has been run on this database, by this version and to its end.
///
/// # Errors
/// When the database cannot be read.
pub async fn is_set_up(pool: &PgPool) -> sqlx::Result<bool> {
    let newest = PostgresStorage::<()>::migrations().iter().map(|it| it.version).max();
    let found = sqlx::query_scalar(
        "select to_regclass('apalis.jobs_inflight') is not null
             and exists (select from apalis._sqlx_migrations where version = $1 and success)
             and exists (select from pg_catalog.pg_extension where extname = 'hstore')",
    )
    .bind(newest)
    .fetch_one(pool)
    .await;
    match found {
        Err(error) if store::is_state(&error, &["42P01"]) => Ok(false),
        other => other,
    }
}

/// What the queue's schema lacks, in sentences. One message.
///
/// # Errors
/// When the catalogues cannot be read.
pub async fn faults(conn: &mut PgConnection) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar(
        "with queue (schema, jobs, get_jobs) as (
             select to_regnamespace('apalis')::oid, to_regclass('apalis.jobs')::oid,
                 to_regprocedure('apalis.get_jobs(text, text, integer)')::oid
         )
         select 'schema apalis, the queue, does not exist' from queue where schema is null
         union all
         select 'table apalis.jobs, the queue, does not exist' from queue
         where schema is not null and jobs is null
         union all
         select format('index apalis.%s of the queue is missing or not valid', name)
         from queue, unnest(array['jobs_inflight', 'jobs_finished']) name
         where jobs is not null and not exists (
             select from pg_catalog.pg_index i
             where i.indexrelid = to_regclass('apalis.' || name) and i.indrelid = jobs and i.indisvalid)
         union all
         select 'table apalis.jobs has no primary key: a job could be there twice' from queue
         where jobs is not null and not exists (
             select from pg_catalog.pg_index i
             where i.indrelid = jobs and i.indisprimary and i.indisvalid)
         union all
         select 'function apalis.get_jobs does not exist' from queue
         where jobs is not null and get_jobs is null
         union all
         select 'function apalis.get_jobs has not its planner settings: it reads the whole queue'
         from queue join pg_catalog.pg_proc p on p.oid = get_jobs
         where not coalesce(p.proconfig, '{}')
             @> array['enable_hashjoin=off', 'enable_mergejoin=off', 'enable_seqscan=off']
         union all
         select 'trigger notify_workers of apalis.jobs is there: it sends a NOTIFY for each job'
         from queue join pg_catalog.pg_trigger t on t.tgrelid = jobs and t.tgname = 'notify_workers'",
    )
    .fetch_all(conn)
    .await
}
