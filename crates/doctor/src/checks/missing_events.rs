//! Ends that were not announced. Events may be kept for a shorter time than operations.

use crate::{
    Kind, Subject,
    check::{Check, finds},
};

pub(crate) const CHECK: Check = Check {
    kind: Kind::FinishWithoutEvent,
    subject: Subject::operation,
    sql: finds!(
        "select b.id::text,
                format('run %s of operation %s has ended as %s and was not announced', b.run, b.id, b.state),
                false
         from tenantry.operations b
         where b.finished_at is not null
           -- an event has the time at which its transaction began
           and b.finished_at - interval '1 hour' >= coalesce(
               (select events_kept_from from tenantry.installation), '-infinity')
           and not exists (
               select from tenantry.outbox o
               where o.kind = 'operation.finished' and o.operation_id = b.id and o.run = b.run)"
    ),
};
