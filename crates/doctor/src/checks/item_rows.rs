//! Items whose columns contradict each other.

use crate::{
    Kind, Subject,
    check::{Check, finds},
};

pub(crate) const CHECK: Check = Check {
    kind: Kind::ItemInWrongState,
    subject: Subject::item,
    sql: finds!(
        "select i.id::text,
                format('item %s is %s and %s', i.id, i.state, fault.sentence),
                false
         from tenantry.operation_items i
         join tenantry.operations b on b.id = i.operation_id
         left join tenantry.tenants t on t.id = i.tenant_id
         cross join lateral (select concat_ws(' and ',
             case when i.state = 'built' and b.mode <> 'atomic'
                  then 'its operation is not all or nothing' end,
             case when i.state not in ('running', 'unwinding') and i.worker_id is not null
                  then 'still belongs to worker ' || i.worker_id end,
             case when i.state in ('succeeded', 'failed', 'cancelled', 'rolled_back', 'undo_failed')
                       and i.finished_at is null
                  then 'has no time of its end' end,
             case when i.state in ('queued', 'running', 'retrying', 'built', 'unwinding')
                       and t.id is null
                  then 'has no tenant' end,
             case when i.state in ('queued', 'running', 'retrying', 'built')
                       and t.state in ('deleted', 'released')
                  then 'the names of tenant ' || t.id || ' are not reserved' end
         )) as fault (sentence)
         where fault.sentence <> ''"
    ),
};
