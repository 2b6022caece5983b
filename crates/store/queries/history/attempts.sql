-- $1 tenant, $2 and $3 the time and the item that the page ends before, $4 rows. Reads the tenant's items by its
-- index. One try of an item fails at a time.
select i.id, i.operation_id, i.idx, a.attempt, a.worker_id as worker, a.stage, a.step, a.undo, a.code,
    a.message, a.started_at, a.failed_at
from tenantry.operation_items i
join tenantry.operations o on o.id = i.operation_id
join tenantry.item_attempts a on a.item_id = i.id
where i.tenant_id = $1
  and (a.failed_at, i.id) < (coalesce($2, timestamptz 'infinity'), coalesce($3, 9223372036854775807))
order by a.failed_at desc, i.id desc
limit $4
