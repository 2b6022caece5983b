//! Tenants' sessions that hold so many locks that others get none.
//!
//! All sessions of a server share one table of locks. Whoever may write may fill it: each savepoint of a
//! transaction keeps a lock. Then no statement of ours that needs one succeeds, and nobody can connect.

use domain::InstallationId;
use sqlx::PgConnection;

/// A session of a tenant with a large part of the server's table of locks.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Hoard {
    pub role: String,
    pub pid: i32,
    pub locks: i64,
    /// Whether it was ended. A user who is no superuser may not, without membership in
    /// `pg_signal_backend`.
    pub ended: bool,
}

/// Ends the sessions of tenants that hold a large part of the table of locks each (a fortieth), while
/// all tenants together hold more than half of it. It takes no lock that a full table could refuse.
pub async fn end_hoards(
    conn: &mut PgConnection,
    installation: &InstallationId,
) -> sqlx::Result<Vec<Hoard>> {
    sqlx::query_as(
        "with room as (
             select current_setting('max_locks_per_transaction')::bigint
                    * (current_setting('max_connections')::bigint
                       + current_setting('max_prepared_transactions')::bigint) as locks
         ), held as (
             select a.usename::text as role, a.usesysid, l.pid, count(*) as locks
             from pg_catalog.pg_locks l join pg_catalog.pg_stat_activity a on a.pid = l.pid
             where not l.fastpath and a.usename ~ format('^tn_%s_[0-9]+$', $1)
             group by a.usename, a.usesysid, l.pid
         )
         select h.role, h.pid, h.locks,
             case when pg_has_role(h.usesysid, 'usage') or pg_has_role('pg_signal_backend', 'usage')
                  then pg_terminate_backend(h.pid) else false end as ended
         from held h, room
         where h.locks > room.locks / 40 and (select sum(locks) from held) > room.locks / 2",
    )
    .bind(installation.as_str())
    .fetch_all(conn)
    .await
}
