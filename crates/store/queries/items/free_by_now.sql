-- $1 items. What they wait for is what the claim looks at: see claim.sql.
select i.id, b.kind
from tenantry.operation_items i
join tenantry.operations b on b.id = i.operation_id
where i.id = any($1::bigint[]) and i.state || '' = 'waiting' -- found by id
  and b.paused_at is null and b.run_at is null
  and not exists (
      select from tenantry.operation_items e
      join tenantry.operations f on f.id = e.operation_id
      where e.tenant_id = i.tenant_id and e.id <> i.id and (e.interrupts or not i.interrupts)
        and (e.state || '' in ('running', 'retrying', 'unwinding', 'built', 'undo_failed', 'stuck')
             or (e.id < i.id and e.state || '' in ('queued', 'waiting')
                 and f.paused_at is null and f.run_at is null
                 and coalesce(f.params ->> 'set' = b.params ->> 'set', true))))
