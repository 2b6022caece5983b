//! All or nothing, at every moment: an operation's tenants become visible in one transaction.

use crate::{
    Kind, Subject,
    check::{Check, finds},
};

pub(crate) const CHECK: Check = Check {
    kind: Kind::AtomicBatchInParts,
    subject: Subject::operation,
    sql: finds!(
        "select b.id::text,
                format('operation %s is all or nothing and %s: %s of its %s items have succeeded, '
                       '%s built tenants can be seen', b.id, b.state, items.succeeded, items.n, items.seen),
                false
         from tenantry.operations b
         cross join lateral (
             select count(*) as n,
                    count(*) filter (where i.state = 'succeeded') as succeeded,
                    count(*) filter (where i.state = 'built' and t.state = 'active') as seen
             from tenantry.operation_items i
             left join tenantry.tenants t on t.id = i.tenant_id
             where i.operation_id = b.id
         ) as items
         where b.mode = 'atomic'
           and ((items.succeeded > 0 and items.succeeded < items.n) or items.seen > 0)"
    ),
};
