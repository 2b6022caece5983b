//! Batches that ended too early.

use crate::{
    Kind, Subject,
    check::{Check, finds},
};

pub(crate) const CHECK: Check = Check {
    kind: Kind::BatchEndedWithOpenItems,
    subject: Subject::batch,
    sql: finds!(
        "select b.id::text,
                format('batch %s is %s and %s of its items are open', b.id, b.state, count(*)),
                false
         from tenantry.batches b
         join tenantry.batch_items i on i.batch_id = b.id
         where b.finished_at is not null
           and i.state in ('queued', 'running', 'retrying', 'built', 'compensating')
         group by b.id, b.state"
    ),
};
