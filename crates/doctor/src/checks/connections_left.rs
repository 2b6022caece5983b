//! Whether the tenants that are connected may take all connections that the server has left.
//!
//! A role that has a session can open more at any moment, up to its limit. A role that has none counts
//! for nothing: thousands of tenants with a limit of 20 each are the usual case.

use crate::{
    Kind, Subject,
    check::{Check, finds},
};

pub(crate) const CHECK: Check = Check {
    kind: Kind::ConnectionsNotEnough,
    subject: Subject::role,
    sql: finds!(
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
         where more > greatest(room - used, 0)"
    ),
};
