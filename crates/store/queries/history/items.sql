-- $1 tenant, $2 and $3 the time and id that the page ends before, $4 rows. Reads the tenant's items by its index.
-- An operation that is being deleted is gone; its items follow in portions.
select i.id, i.operation_id, i.idx, o.kind, i.state, t.name as "submitted_by?", i.attempt, i.error_code,
    i.error_message, i.error_step, i.error_retryable, i.created_at, i.started_at, i.finished_at
from tenantry.operation_items i
join tenantry.operations o on o.id = i.operation_id
left join tenantry.operator_tokens t on t.id = o.created_by
where i.tenant_id = $1
  and (i.created_at, i.id) < (coalesce($2, timestamptz 'infinity'), coalesce($3, 9223372036854775807))
order by i.created_at desc, i.id desc
limit $4
