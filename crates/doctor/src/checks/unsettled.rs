//! Batches that nobody ended, or activated.
//!
//! An all-or-nothing batch whose items are all built is open by right, but not for long.

use crate::{
    Kind, Subject,
    check::{Check, finds},
};

pub(crate) const CHECK: Check = Check {
    kind: Kind::BatchShouldHaveEnded,
    subject: Subject::batch,
    sql: finds!(
        "select b.id::text,
                format(case when items.built = 0 then 'batch %s is %s and none of its items is open'
                            else 'batch %s is %s, all its items are built, and nobody activates them' end,
                       b.id, b.state),
                items.built = 0
         from tenantry.batches b
         cross join scope s
         cross join lateral (
             select count(*) filter (where i.state = 'built') as built,
                    count(*) filter (
                        where i.state in ('queued', 'running', 'retrying', 'compensating')) as open,
                    max(greatest(i.finished_at, i.started_at)) as changed_at
             from tenantry.batch_items i where i.batch_id = b.id
         ) as items
         where b.finished_at is null and b.paused_at is null and items.open = 0
           and greatest(b.created_at, b.started_at, b.run_at, items.changed_at) < s.settled_before"
    ),
};
