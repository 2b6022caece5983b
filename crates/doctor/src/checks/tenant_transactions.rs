//! Tenants' transactions that have been open for long.
//!
//! PostgreSQL keeps every row that was deleted or changed since the oldest of them began, and all that
//! read the tables of work under way step over those rows. Three times the grace, six minutes by
//! default, are longer than a request of an application takes. A user who may not see the sessions of
//! other roles finds none.

use crate::{
    Kind, Subject,
    check::{Check, finds},
};

pub(crate) const CHECK: Check = Check {
    kind: Kind::TenantTransactionOld,
    subject: Subject::role,
    sql: finds!(
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
         group by a.usename"
    ),
};
