//! Schemas that are a tenant's by the registry and do not bear its mark.

use crate::{
    Kind, Subject,
    check::{Check, finds},
};

pub(crate) const CHECK: Check = Check {
    kind: Kind::WrongMark,
    subject: Subject::schema,
    sql: finds!(
        "select t.schema_name,
                format('schema %s is that of tenant %s and does not bear its mark', t.schema_name, t.id),
                false
         from tenantry.tenants t
         cross join scope s
         join pg_catalog.pg_namespace n on n.nspname = t.schema_name
         left join pg_catalog.pg_description d on d.objoid = n.oid and d.objsubid = 0
             and d.classoid = 'pg_catalog.pg_namespace'::regclass
         where t.state in ('active', 'suspended')
           and d.description is distinct from format('tenantry:%s:%s', s.installation, t.id)"
    ),
};
