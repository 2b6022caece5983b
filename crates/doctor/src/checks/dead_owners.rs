//! Items in the hands of a worker that is dead, unknown, or nobody: another one should have taken
//! them over by now.

use crate::{
    Kind, Subject,
    check::{Check, finds},
};

pub(crate) const CHECK: Check = Check {
    kind: Kind::ItemOwnedByDeadWorker,
    subject: Subject::item,
    sql: finds!(
        "select i.id::text,
                format('item %s is %s and %s', i.id, i.state, case
                    when i.worker_id is null then 'belongs to no worker'
                    when w.id is null then 'its worker ' || i.worker_id || ' is unknown'
                    when w.stopped_at is not null then 'its worker ' || w.id || ' has stopped'
                    else 'its worker ' || w.id || ' is silent' end),
                true
         from tenantry.operation_items i
         left join tenantry.workers w on w.id = i.worker_id
         cross join scope s
         -- without an owner, what unwinds waits, and a job brings a worker to it
         where (i.state = 'running' or (i.state = 'unwinding' and i.worker_id is not null))
           and case
               when w.id is null then coalesce(i.started_at, i.created_at) < s.settled_before
               when w.stopped_at is not null then w.stopped_at < s.settled_before
               else w.seen_at < s.silent_before end"
    ),
};
