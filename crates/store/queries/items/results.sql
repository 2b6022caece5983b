select
    i.idx,
    i.state,
    i.tenant_name,
    i.tenant_id,
    i.schema_name,
    i.domain,
    i.attempt,
    i.error_code,
    i.error_message,
    i.error_step,
    i.error_retryable,
    i.result,
    coalesce((
        select jsonb_agg(
            case when c.undone_at is null then s.step else s.step || '{"state": "undone"}' end
            order by c.committed_at, s.ord)
        from tenantry.checkpoints c
        cross join jsonb_array_elements(c.steps) with ordinality as s (step, ord)
        where c.item_id = i.id
    ), '[]') as "steps!"
from tenantry.operation_items i
where i.operation_id = $1 and ($2::text is null or i.state = $2)
  and ($5::text is null or i.error_code = $5) and i.idx > $3
order by i.idx
limit $4
