//! Operations that nobody ended, activated or turned back.
//!
//! An all-or-nothing operation whose items are all built is open by right, but not for long; one with
//! an item that failed turns back. Workers see to both, so only what ends is repaired here.

use crate::{
    Kind, Subject,
    check::{Check, finds},
};

pub(crate) const CHECK: Check = Check {
    kind: Kind::OperationShouldHaveEnded,
    subject: Subject::operation,
    sql: finds!(
        "select b.id::text,
                format('operation %s is %s and %s', b.id, b.state, case
                    when items.open > 0 then 'does not turn back, although an item has failed'
                    when items.built > 0 then format(
                        'its %s built items are neither activated nor turned back', items.built)
                    else 'none of its items is open' end),
                items.open = 0 and items.built = 0
         from tenantry.operations b
         cross join scope s
         cross join lateral (
             select count(*) filter (where i.state = 'built') as built,
                    count(*) filter (
                        where i.state in ('queued', 'running', 'retrying', 'unwinding')) as open,
                    max(greatest(i.finished_at, i.started_at)) as changed_at,
                    min(i.finished_at) filter (where i.state in ('failed', 'undo_failed')) as failed_at
             from tenantry.operation_items i where i.operation_id = b.id
         ) as items
         where b.finished_at is null and b.paused_at is null
           and case
               when items.open = 0
                   then greatest(b.created_at, b.started_at, b.run_at, items.changed_at)
                       < s.settled_before
               else b.mode = 'atomic' and b.state in ('queued', 'running')
                   and items.failed_at < s.settled_before end"
    ),
};
