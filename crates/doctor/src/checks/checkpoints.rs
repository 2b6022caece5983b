//! Items that were built, and of whose stages no record is left.

use crate::{
    Kind, Subject,
    check::{Check, finds},
};

pub(crate) const CHECK: Check = Check {
    kind: Kind::CheckpointMissing,
    subject: Subject::item,
    sql: finds!(
        "select i.id::text,
                format('item %s is %s and no stage of it is recorded', i.id, i.state),
                false
         from tenantry.operation_items i
         where i.state in ('succeeded', 'built')
           and not exists (select from tenantry.checkpoints c
                           where c.item_id = i.id and c.undone_at is null)"
    ),
};
