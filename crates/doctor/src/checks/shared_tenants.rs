//! Tenants that more than one item makes or has made.

use crate::{
    Kind, Subject,
    check::{Check, finds},
};

pub(crate) const CHECK: Check = Check {
    kind: Kind::TenantOfSeveralItems,
    subject: Subject::tenant,
    sql: finds!(
        "select i.tenant_id::text,
                format('tenant %s is made by items %s', i.tenant_id, string_agg(i.id::text, ', ' order by i.id)),
                false
         from tenantry.operation_items i
         where i.state not in ('failed', 'cancelled', 'rolled_back')
         group by i.tenant_id
         having count(*) > 1 and i.tenant_id is not null"
    ),
};
