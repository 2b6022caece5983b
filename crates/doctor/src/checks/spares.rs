//! Spares in the pool that are not whole.

use crate::{
    Kind, Subject,
    check::{Check, finds},
};

pub(crate) const CHECK: Check = Check {
    kind: Kind::SpareIncomplete,
    subject: Subject::spare,
    sql: finds!(
        "select s.id::text,
                format('spare %s is in the pool and its %s', s.id,
                       case when n.oid is null and r.oid is null then 'schema and role do not exist'
                            when n.oid is null then 'schema does not exist'
                            else 'role does not exist' end),
                true
         from tenantry.spares s
         cross join scope
         left join pg_catalog.pg_namespace n on n.nspname = format('tenantry_spare_%s_', s.id)::name
         left join pg_catalog.pg_roles r
             on r.rolname = format('tn_%s_%s', scope.installation, s.id)::name
         where n.oid is null or r.oid is null"
    ),
};
