//! Whether there is anything to sweep: one look for an idle system.

use std::time::Duration;

use sqlx::PgConnection;

/// What a sweep has to see to.
#[derive(Debug, Clone, Copy)]
pub struct Attention {
    /// A worker has been silent for too long.
    pub silent_workers: bool,
    /// An operation is not over.
    pub open_batches: bool,
    /// An item is some worker's.
    pub owned_items: bool,
    /// More than half of the server's table of locks is taken, by whomever.
    pub locks_are_scarce: bool,
}

/// Looks what a sweep has to see to; a worker is silent when it was not seen for `dead_after`.
pub async fn attention(conn: &mut PgConnection, dead_after: Duration) -> sqlx::Result<Attention> {
    sqlx::query_as!(
        Attention,
        r#"select exists (
               select from tenantry.workers
               where stopped_at is null
                 and seen_at < clock_timestamp() - make_interval(secs => $1)) as "silent_workers!",
           exists (select from tenantry.operations where finished_at is null) as "open_batches!",
           exists (select from tenantry.operation_items
                   where state in ('running', 'unwinding')) as "owned_items!",
           (select count(*) from pg_catalog.pg_locks where not fastpath)
               > current_setting('max_locks_per_transaction')::bigint
                 * (current_setting('max_connections')::bigint
                    + current_setting('max_prepared_transactions')::bigint) / 2
               as "locks_are_scarce!""#,
        dead_after.as_secs_f64(),
    )
    .fetch_one(conn)
    .await
}
