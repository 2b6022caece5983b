//! Operations: that they end, in time and once, and that what is told of them is what their items are.

use domain::OperationId;
use serde_json::json;
use store::audit::Entry;

use crate::{
    check::checks,
    repair::{Repair, Repaired, Stop},
};

checks! {
    // An atomic operation may be open with all its items built, but not for long; one with a failed item
    // rolls back. Workers do both, so the repair only ends operations.
    OperationShouldHaveEnded, Operation:
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
                        where i.state in
                            ('planned', 'queued', 'waiting', 'running', 'retrying', 'unwinding')) as open,
                    max(greatest(i.finished_at, i.started_at)) as changed_at,
                    min(i.finished_at) filter (where i.state in ('failed', 'undo_failed', 'stuck')) as failed_at
             from tenantry.operation_items i where i.operation_id = b.id
         ) as items
         where b.finished_at is null and b.paused_at is null
           and case
               when items.open = 0
                   then greatest(b.created_at, b.started_at, b.run_at, items.changed_at)
                       < s.settled_before
               else b.mode = 'atomic' and b.state in ('queued', 'running')
                   and items.failed_at < s.settled_before end";

    OperationEndedWithOpenItems, Operation:
        "select b.id::text,
                format('operation %s is %s and %s of its items are open', b.id, b.state, count(*)),
                false
         from tenantry.operations b
         join tenantry.operation_items i on i.operation_id = b.id
         where b.finished_at is not null
           and i.state in ('planned', 'queued', 'waiting', 'running', 'retrying', 'built', 'unwinding')
         group by b.id, b.state";

    // How many were announced as failed and cancelled may change after the end, when an operator
    // repairs a failed undo; how many succeeded may not. The totals kept for the present run are always
    // those of the items. An operation that an earlier version ended has no totals.
    OperationTotalsDiffer, Operation:
        "select b.id::text, format('operation %s is %s and %s', b.id, b.state, fault.sentence), false
         from tenantry.operations b
         cross join lateral (
             select count(*) as n, min(i.idx) as first, max(i.idx) as last,
                    count(*) filter (where i.state = 'succeeded') as succeeded,
                    count(*) filter (where i.state in ('failed', 'undo_failed', 'stuck')) as failed,
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
             case when b.state = 'completed' and items.succeeded <> items.n
                       or b.state = 'completed_with_failures' and items.succeeded in (0, items.n)
                  then format('%s of %s items have succeeded', items.succeeded, items.n)
                  when b.state in ('failed', 'rolled_back') and items.succeeded > 0
                  then format('%s items have succeeded', items.succeeded)
                  when b.state = 'cancelled' and items.cancelled + items.rolled_back = 0 and b.mode <> 'atomic'
                  then 'no item was stopped' end,
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
         where fault.sentence <> ''";

    // The tenants of an atomic operation become visible in one transaction.
    AtomicBatchInParts, Operation:
        "select b.id::text,
                format('operation %s is all or nothing and %s: %s of its %s items have succeeded, '
                       '%s built tenants can be seen', b.id, b.state, items.succeeded, items.n, items.seen),
                false
         from tenantry.operations b
         cross join lateral (
             select count(*) as n,
                    count(*) filter (where i.state = 'succeeded') as succeeded,
                    count(*) filter (where i.state = 'built' and t.state = 'active') as seen
             from tenantry.operation_items i
             left join tenantry.tenants t on t.id = i.tenant_id
             where i.operation_id = b.id
         ) as items
         where b.mode = 'atomic'
           and ((items.succeeded > 0 and items.succeeded < items.n) or items.seen > 0)";

    // A unique index forbids it, as long as it is there.
    MoreThanOneFinish, Operation:
        "select o.operation_id::text,
                format('the end of run %s of operation %s was announced %s times', o.run, o.operation_id, count(*)),
                false
         from tenantry.outbox o
         where o.kind = 'operation.finished'
         group by o.operation_id, o.run
         having count(*) > 1";

    FinishWithoutEvent, Operation:
        "select b.id::text,
                format('run %s of operation %s has ended as %s and was not announced', b.run, b.id, b.state),
                false
         from tenantry.operations b
         where b.finished_at is not null
           -- an event has the time at which its transaction began; events may be kept for a shorter time
           and b.finished_at - interval '1 hour' >= coalesce(
               (select events_kept_from from tenantry.installation), '-infinity')
           and not exists (
               select from tenantry.outbox o
               where o.kind = 'operation.finished' and o.operation_id = b.id and o.run = b.run)";

    // The real end could not be announced any more. Operations may be kept for a shorter time than events.
    EventWithoutFinish, Operation:
        "select coalesce(o.operation_id::text, '00000000-0000-0000-0000-000000000000'),
                format('run %s of operation %s was announced as ended, and %s', o.run, o.operation_id, case
                    when b.id is null then 'there is no such operation'
                    when o.run > b.run then format('the operation is in run %s', b.run)
                    else 'it is ' || b.state end),
                false
         from tenantry.outbox o
         left join tenantry.operations b on b.id = o.operation_id
         where o.kind = 'operation.finished'
           and (b.id is null and o.created_at >= coalesce(
                   (select operations_kept_from from tenantry.installation), '-infinity')
               or o.run > b.run or (o.run = b.run and b.finished_at is null))";
}

/// Ends an operation as a worker does: one guarded UPDATE, and the event with it.
pub(crate) async fn end<'a>(cx: &mut Repair<'a>, operation: OperationId) -> Repaired<'a> {
    let state = store::operations::settle(cx.conn, operation).await?.ok_or(Stop::Gone)?;
    let entry = cx.did("operation.settled", json!({ "state": state }));
    Ok(Entry { operation: Some(operation), ..entry })
}
