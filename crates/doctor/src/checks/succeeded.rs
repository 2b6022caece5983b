//! Success without a tenant. One that was activated and deleted later is none of these.

use crate::{
    Kind, Subject,
    check::{Check, finds},
};

pub(crate) const CHECK: Check = Check {
    kind: Kind::SucceededWithoutTenant,
    subject: Subject::item,
    sql: finds!(
        "select i.id::text,
                format('item %s has succeeded and %s', i.id, case
                    when i.tenant_id is null then 'names no tenant'
                    when t.id is null then format('tenant %s does not exist', i.tenant_id)
                    when t.state <> 'pending' then format('tenant %s has no time of its activation', t.id)
                    else format('tenant %s is %s', t.id, t.state) end),
                false
         from tenantry.operation_items i
         left join tenantry.tenants t on t.id = i.tenant_id
         where i.state = 'succeeded'
           and (t.id is null or t.state in ('pending', 'released') or t.activated_at is null)"
    ),
};
