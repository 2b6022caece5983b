//! Roles that are a tenant's by the registry and do not bear its mark.

use crate::{
    Kind, Subject,
    check::{Check, finds},
};

pub(crate) const CHECK: Check = Check {
    kind: Kind::WrongMark,
    subject: Subject::role,
    sql: finds!(
        "select t.role_name,
                format('role %s is that of tenant %s and does not bear its mark', t.role_name, t.id),
                false
         from tenantry.tenants t
         cross join scope s
         join pg_catalog.pg_roles r on r.rolname = t.role_name
         left join pg_catalog.pg_shdescription d on d.objoid = r.oid
             and d.classoid = 'pg_catalog.pg_authid'::regclass
         where t.state in ('active', 'suspended')
           and d.description is distinct from format('tenantry:%s:%s', s.installation, t.id)"
    ),
};
