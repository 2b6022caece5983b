-- $1 item, $2 claim token, $3 the item's next state, $4 it goes on, $5 it is over, $6 stage, $7 steps
with own as (
    update tenantry.batch_items
    set state = $3,
        worker_id = case when $4 then worker_id end,
        finished_at = case when $5 then clock_timestamp() end,
        error_code = null, error_message = null, error_step = null, error_retryable = null
    where id = $1 and attempt = $2 and state = 'running'
    returning id, attempt
)
insert into tenantry.checkpoints (item_id, stage, attempt, steps)
select id, $6, attempt, $7 from own
on conflict (item_id, stage) do update
set attempt = excluded.attempt, steps = excluded.steps,
    committed_at = clock_timestamp(), undone_at = null
