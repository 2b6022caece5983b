//! Items that wait for an operator.

use crate::{
    Kind, Subject,
    check::{Check, finds},
};

pub(crate) const CHECK: Check = Check {
    kind: Kind::UndoFailed,
    subject: Subject::item,
    sql: finds!(
        "select i.id::text,
                format('undoing item %s of operation %s failed (%s): see to the cause, then run '
                       '`tenantry item undo %s %s`, or clear up by hand and run '
                       '`tenantry item resolve %s %s --note WHAT`',
                       i.idx, i.operation_id, coalesce(i.error_code, 'no code'), i.operation_id, i.idx,
                       i.operation_id, i.idx),
                false
         from tenantry.operation_items i
         where i.state = 'undo_failed'"
    ),
};
