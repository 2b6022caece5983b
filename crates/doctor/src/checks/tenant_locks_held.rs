//! Tenants' sessions that hold locks on Tenantry's tables, or a great many of any kind.
//!
//! A tenant has no right to the former. The latter fill the lock table that all of the server shares:
//! a statement of an application takes a few dozens, making a tenant of 20 tables takes 460.

use crate::{
    Kind, Subject,
    check::{Check, finds},
};

pub(crate) const CHECK: Check = Check {
    kind: Kind::TenantHoldsLocks,
    subject: Subject::role,
    sql: finds!(
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
         group by a.usename, a.pid, held.locks, held.ours"
    ),
};
