-- $1 items, $2 their claim tokens, $3 the items' next state, $4 they go on, $5 they are over, $6 stage, $7 steps,
-- $8 the items' results. See record_told.sql too.
with own as (
    update tenantry.operation_items i
    set state = $3,
        worker_id = case when $4 then worker_id end,
        finished_at = case when $5 then clock_timestamp() end,
        result = coalesce(c.result, i.result),
        error_code = null, error_message = null, error_step = null, error_retryable = null
    from unnest($1::bigint[], $2::int[], $8::jsonb[]) as c (id, attempt, result)
    where i.id = c.id and i.attempt = c.attempt and i.state || '' = 'running' -- found by id
      and $3 in ('running', 'built', 'succeeded')
    returning i.id, i.attempt
)
insert into tenantry.checkpoints (item_id, stage, attempt, steps)
select id, $6, attempt, $7 from own
on conflict (item_id, stage) do update
set attempt = excluded.attempt, steps = excluded.steps,
    committed_at = clock_timestamp(), undone_at = null
