//! Operations that ended too early.

use crate::{
    Kind, Subject,
    check::{Check, finds},
};

pub(crate) const CHECK: Check = Check {
    kind: Kind::OperationEndedWithOpenItems,
    subject: Subject::operation,
    sql: finds!(
        "select b.id::text,
                format('operation %s is %s and %s of its items are open', b.id, b.state, count(*)),
                false
         from tenantry.operations b
         join tenantry.operation_items i on i.operation_id = b.id
         where b.finished_at is not null
           and i.state in ('queued', 'running', 'retrying', 'built', 'unwinding')
         group by b.id, b.state"
    ),
};
