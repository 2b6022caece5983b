//! Tenants that should have a schema and have none.

use crate::{
    Kind, Subject,
    check::{Check, finds},
};

pub(crate) const CHECK: Check = Check {
    kind: Kind::TenantWithoutSchema,
    subject: Subject::tenant,
    sql: finds!(
        "select t.id::text,
                format('tenant %s is %s and its schema %s does not exist', t.id, t.state, t.schema_name),
                false
         from tenantry.tenants t
         where t.state in ('active', 'suspended')
           and not exists (select from pg_catalog.pg_namespace n where n.nspname = t.schema_name)"
    ),
};
