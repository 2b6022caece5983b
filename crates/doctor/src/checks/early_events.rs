//! Ends that were announced and have not happened: the real end could not be announced any more. Operations
//! may be kept for a shorter time than events.

use crate::{
    Kind, Subject,
    check::{Check, finds},
};

pub(crate) const CHECK: Check = Check {
    kind: Kind::EventWithoutFinish,
    subject: Subject::operation,
    sql: finds!(
        "select coalesce(o.operation_id::text, '00000000-0000-0000-0000-000000000000'),
                format('run %s of operation %s was announced as ended, and %s', o.run, o.operation_id, case
                    when b.id is null then 'there is no such operation'
                    when o.run > b.run then format('the operation is in run %s', b.run)
                    else 'it is ' || b.state end),
                false
         from tenantry.outbox o
         left join tenantry.operations b on b.id = o.operation_id
         where o.kind = 'operation.finished'
           and (b.id is null and o.created_at >= coalesce(
                   (select operations_kept_from from tenantry.installation), '-infinity')
               or o.run > b.run or (o.run = b.run and b.finished_at is null))"
    ),
};
