//! Ends that were announced twice. A unique index forbids it, as long as it is there.

use crate::{
    Kind, Subject,
    check::{Check, finds},
};

pub(crate) const CHECK: Check = Check {
    kind: Kind::MoreThanOneFinish,
    subject: Subject::batch,
    sql: finds!(
        "select o.batch_id::text,
                format('the end of run %s of batch %s was announced %s times', o.run, o.batch_id, count(*)),
                false
         from tenantry.outbox o
         where o.kind = 'batch.finished'
         group by o.batch_id, o.run
         having count(*) > 1"
    ),
};
