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
                format('undoing item %s failed (%s): see to the cause, then run `tenantry item undo %s`, '
                       'or clear up by hand and run `tenantry item resolve %s`',
                       i.id, coalesce(i.error_code, 'no code'), i.id, i.id),
                false
         from tenantry.batch_items i
         where i.state = 'undo_failed'"
    ),
};
