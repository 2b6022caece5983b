//! Operations whose size, state, kept totals or announced result is not that of their items.
//!
//! How many were announced as failed and cancelled may change after the end, when an operator sees to
//! a failed undo; how many succeeded may not. The totals kept for the present run are always those
//! of the items. An operation that an earlier version ended has none.

use crate::{
    Kind, Subject,
    check::{Check, finds},
};

pub(crate) const CHECK: Check = Check {
    kind: Kind::OperationTotalsDiffer,
    subject: Subject::operation,
    sql: finds!(
        "select b.id::text, format('operation %s is %s and %s', b.id, b.state, fault.sentence), false
         from tenantry.operations b
         cross join lateral (
             select count(*) as n, min(i.idx) as first, max(i.idx) as last,
                    count(*) filter (where i.state = 'succeeded') as succeeded,
                    count(*) filter (where i.state in ('failed', 'undo_failed')) as failed,
                    count(*) filter (where i.state = 'cancelled') as cancelled,
                    count(*) filter (where i.state = 'rolled_back') as rolled_back
             from tenantry.operation_items i where i.operation_id = b.id
         ) as items
         left join lateral (
             select o.payload from tenantry.outbox o
             where o.kind = 'operation.finished' and o.operation_id = b.id and o.run = b.run
               and b.finished_at is not null
             order by o.id limit 1
         ) as told on true
         cross join lateral (select concat_ws(' and ',
             case when items.n <> b.total or items.first <> 0 or items.last <> b.total - 1
                  then format('has %s items of %s', items.n, b.total) end,
             case when (b.finished_at is not null) <> (b.state in
                       ('completed', 'completed_with_failures', 'failed', 'cancelled', 'rolled_back'))
                  then case when b.finished_at is null then 'has no time of its end'
                            else 'has a time of its end' end end,
             case b.state
                 when 'completed' then case when items.succeeded <> items.n
                     then format('%s of %s items have succeeded', items.succeeded, items.n) end
                 when 'completed_with_failures' then case when items.succeeded in (0, items.n)
                     then format('%s of %s items have succeeded', items.succeeded, items.n) end
                 when 'failed' then case when items.succeeded > 0
                     then format('%s items have succeeded', items.succeeded) end
                 when 'rolled_back' then case when items.succeeded > 0
                     then format('%s items have succeeded', items.succeeded) end
                 when 'cancelled' then case when items.cancelled + items.rolled_back = 0 and b.mode <> 'atomic'
                     then 'no item was stopped' end
             end,
             case when b.finished_at is not null and b.totals_run = b.run
                       and (b.total_succeeded, b.total_failed, b.total_cancelled, b.total_rolled_back)
                           is distinct from
                           (items.succeeded, items.failed, items.cancelled, items.rolled_back)
                  then format('keeps %s succeeded, %s failed, %s cancelled and %s rolled back of %s, %s, %s and %s',
                              b.total_succeeded, b.total_failed, b.total_cancelled, b.total_rolled_back,
                              items.succeeded, items.failed, items.cancelled, items.rolled_back) end,
             case when (told.payload #>> '{progress,total}')::bigint <> items.n
                       or (told.payload #>> '{progress,succeeded}')::bigint <> items.succeeded
                       or told.payload ->> 'state' <> b.state
                  then format('was announced as %s with %s of %s succeeded', told.payload ->> 'state',
                              told.payload #>> '{progress,succeeded}', told.payload #>> '{progress,total}') end
         )) as fault (sentence)
         where fault.sentence <> ''"
    ),
};
