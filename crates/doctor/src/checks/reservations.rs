//! Reserved names that nobody works on. What [`remains`](super::remains) tells is not told twice.

use crate::{
    Kind, Subject,
    check::{Check, finds},
};

pub(crate) const CHECK: Check = Check {
    kind: Kind::PendingWithoutItem,
    subject: Subject::tenant,
    sql: finds!(
        "select t.id::text,
                format('tenant %s is pending, holds %s and schema %s, and no item makes it',
                       t.id, t.domain, t.schema_name),
                true
         from tenantry.tenants t
         cross join scope s
         where t.state = 'pending'
           and not exists (
               select from tenantry.operation_items i
               where i.tenant_id = t.id and i.state not in ('failed', 'cancelled', 'rolled_back'))
           and not exists (
               select from tenantry.operation_items i
               where i.tenant_id = t.id and (
                   exists (select from tenantry.api_keys k
                           where k.tenant_id = t.id and k.revoked_at is null)
                   or exists (select from tenantry.checkpoints c
                              where c.item_id = i.id and c.undone_at is null)
                   or exists (select from pg_catalog.pg_namespace n
                              join pg_catalog.pg_description d on d.objoid = n.oid and d.objsubid = 0
                                  and d.classoid = 'pg_catalog.pg_namespace'::regclass
                              where n.nspname = t.schema_name
                                and d.description = format('tenantry:%s:%s', s.installation, t.id))
                   or exists (select from pg_catalog.pg_roles r
                              join pg_catalog.pg_shdescription d on d.objoid = r.oid
                                  and d.classoid = 'pg_catalog.pg_authid'::regclass
                              where r.rolname = t.role_name
                                and d.description = format('tenantry:%s:%s', s.installation, t.id))))"
    ),
};
