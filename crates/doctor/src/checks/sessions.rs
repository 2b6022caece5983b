//! What tenants' sessions hold: old transactions, locks, connections.
//!
//! A user who may not see the sessions of other roles finds none.

use crate::check::checks;

checks! {
    // PostgreSQL keeps every row that was deleted or changed since the oldest transaction began, and
    // reads of the tables of work under way step over those rows. Three times the grace, six minutes by
    // default, are longer than an application's request takes.
    TenantTransactionOld, Role:
        "select min(a.usename::text),
                format('a session of role %s (pid %s) has had a transaction open since %s', a.usename,
                       (array_agg(a.pid order by a.xact_start))[1],
                       to_char(min(a.xact_start), 'YYYY-MM-DD HH24:MI:SS TZ')),
                false
         from pg_catalog.pg_stat_activity a
         cross join scope
         where a.datname = current_database()
           and a.usename ~ format('^tn_%s_[0-9]+$', scope.installation)
           and a.xact_start < clock_timestamp() - 3 * (now() - scope.settled_before)
         group by a.usename";

    // A tenant has no right to lock Tenantry's tables. A great many locks of any kind fill the lock
    // table that the whole server shares: a statement of an application takes a few dozen, making a
    // tenant of 20 tables takes 460.
    TenantHoldsLocks, Role:
        "select min(a.usename::text),
                format('a session of role %s (pid %s) holds %s locks, %s of them on Tenantry''s tables',
                       a.usename, a.pid, held.locks, held.ours),
                false
         from (select l.pid, count(*) as locks, count(n.oid) as ours
               from pg_catalog.pg_locks l
               left join pg_catalog.pg_database d
                   on d.oid = l.database and d.datname = current_database()
               left join pg_catalog.pg_class c on c.oid = l.relation and d.oid is not null
               left join pg_catalog.pg_namespace n
                   on n.oid = c.relnamespace and n.nspname in ('tenantry', 'apalis')
               where l.granted
               group by l.pid) held
         join pg_catalog.pg_stat_activity a on a.pid = held.pid
         cross join scope
         where a.usename ~ format('^tn_%s_[0-9]+$', scope.installation)
           and (held.ours > 0 or held.locks > 1000)
         group by a.usename, a.pid, held.locks, held.ours";

    // A role that has a session can open more at any moment, up to its limit. A role without one does
    // not count: thousands of tenants with a limit of 20 each are the usual case.
    ConnectionsNotEnough, Role:
        "with server as (
             select current_setting('max_connections')::bigint
                    - current_setting('superuser_reserved_connections')::bigint as room,
                    (select count(*) from pg_catalog.pg_stat_activity where datid is not null) as used
         ), connected as (
             select r.rolconnlimit, count(*) as sessions
             from pg_catalog.pg_stat_activity a
             join pg_catalog.pg_roles r on r.oid = a.usesysid
             cross join scope
             where r.rolname ~ format('^tn_%s_[0-9]+$', scope.installation)
             group by r.oid, r.rolconnlimit
         ), wanted as (
             -- without a limit a role may take all that is left, and one more
             select count(*) as roles,
                    sum(case when rolconnlimit < 0 then greatest(room - used, 0) + 1
                             else greatest(rolconnlimit - sessions, 0) end) as more
             from connected, server
         )
         select format('tn_%s_tenants', scope.installation),
                format('the %s tenants that are connected may open %s connections more, and the server '
                       'has %s left: lower tenants.connection_limit, or raise max_connections',
                       roles, more, greatest(room - used, 0)),
                false
         from wanted, server, scope
         where more > greatest(room - used, 0)";
}
