//! What is left of tenants that came to nothing.
//!
//! An active one is not repaired: it may have data, and only people can say whether item or
//! registry is wrong. What is left of one that is gone is found by the marks of schemas and roles.

use crate::{
    Kind, Subject,
    check::{Check, finds},
};

pub(crate) const CHECK: Check = Check {
    kind: Kind::FailedWithRemains,
    subject: Subject::item,
    sql: finds!(
        "select i.id::text,
                format('item %s is %s, tenant %s is %s, and there is still %s',
                       i.id, i.state, t.id, t.state, remains.list),
                t.state in ('pending', 'deleted', 'released')
         from tenantry.operation_items i
         join tenantry.tenants t on t.id = i.tenant_id
         cross join scope s
         cross join lateral (select concat_ws(', ',
             case when t.state in ('pending', 'active', 'suspended') and exists (
                 select from pg_catalog.pg_namespace n
                 join pg_catalog.pg_description d on d.objoid = n.oid and d.objsubid = 0
                     and d.classoid = 'pg_catalog.pg_namespace'::regclass
                 where n.nspname = t.schema_name
                   and d.description = format('tenantry:%s:%s', s.installation, t.id))
                 then 'its schema' end,
             case when t.state in ('pending', 'active', 'suspended') and exists (
                 select from pg_catalog.pg_roles r
                 join pg_catalog.pg_shdescription d on d.objoid = r.oid
                     and d.classoid = 'pg_catalog.pg_authid'::regclass
                 where r.rolname = t.role_name
                   and d.description = format('tenantry:%s:%s', s.installation, t.id))
                 then 'its role' end,
             case when t.state in ('pending', 'active', 'suspended') and exists (
                 select from tenantry.api_keys k where k.tenant_id = t.id and k.revoked_at is null)
                 then 'a live key' end,
             case when exists (
                 select from tenantry.checkpoints c where c.item_id = i.id and c.undone_at is null)
                 then 'a stage that was not undone' end
         )) as remains (list)
         where i.state in ('failed', 'cancelled', 'rolled_back')
           and remains.list <> ''
           -- a retry may have given the same tenant to another item, whose they are then
           and not exists (
               select from tenantry.operation_items o
               where o.tenant_id = t.id and o.id <> i.id
                 and o.state not in ('failed', 'cancelled', 'rolled_back'))"
    ),
};
