//! Ends that were announced twice. A unique index forbids it, as long as it is there.

use crate::{
    Kind, Subject,
    check::{Check, finds},
};

pub(crate) const CHECK: Check = Check {
    kind: Kind::MoreThanOneFinish,
    subject: Subject::operation,
    sql: finds!(
        "select o.operation_id::text,
                format('the end of run %s of operation %s was announced %s times', o.run, o.operation_id, count(*)),
                false
         from tenantry.outbox o
         where o.kind = 'operation.finished'
         group by o.operation_id, o.run
         having count(*) > 1"
    ),
};
