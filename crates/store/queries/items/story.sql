-- $1 operation, $2 index. What holds the item's tenant is what the claim looks at: see claim.sql.
select
    i.id,
    i.state,
    b.kind,
    b.params,
    (b.paused_at is not null and b.finished_at is null) as "paused!",
    b.run_at,
    i.created_at,
    i.started_at,
    i.finished_at,
    i.next_attempt_at,
    h.operation_id as "held_by?",
    h.idx as "held_idx?",
    h.kind as "held_kind?",
    h.state as "held_state?"
from tenantry.operation_items i
join tenantry.operations b on b.id = i.operation_id
left join lateral (
    select e.operation_id, e.idx, f.kind, e.state
    from tenantry.operation_items e
    join tenantry.operations f on f.id = e.operation_id
    where i.state in ('queued', 'waiting') and e.tenant_id = i.tenant_id and e.id <> i.id
      and (e.interrupts or not i.interrupts)
      and (e.state in ('running', 'retrying', 'unwinding', 'built', 'undo_failed', 'stuck')
           or (e.id < i.id and e.state in ('queued', 'waiting')
               and f.paused_at is null and f.run_at is null
               and coalesce(f.params ->> 'set' = b.params ->> 'set', true)))
    order by e.state in ('queued', 'waiting'), e.id
    limit 1
) h on true
where i.operation_id = $1 and i.idx = $2
