//! Tenants that should have a role and have none.

use crate::{
    Kind, Subject,
    check::{Check, finds},
};

pub(crate) const CHECK: Check = Check {
    kind: Kind::TenantWithoutRole,
    subject: Subject::tenant,
    sql: finds!(
        "select t.id::text,
                format('tenant %s is %s and its role %s does not exist', t.id, t.state, t.role_name),
                exists (select from pg_catalog.pg_namespace n where n.nspname = t.schema_name)
         from tenantry.tenants t
         where t.state in ('active', 'suspended')
           and not exists (select from pg_catalog.pg_roles r where r.rolname = t.role_name)"
    ),
};
