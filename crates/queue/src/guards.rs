//! Whether what [`setup`](crate::setup()) made is still there.

use sqlx::PgConnection;

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
