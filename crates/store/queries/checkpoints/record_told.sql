-- What record.sql does, and what the steps did to the tenants is told: it is planned anew after every CREATE
-- SCHEMA, and the two parts that no new tenant needs take 0.1 ms.
-- $1 items, $2 their claim tokens, $3 the items' next state, $4 they go on, $5 they are over, $6 stage, $7 steps,
-- $8 the items' results, $9 what was done to their tenants, $10 who did it,
-- $11 what of it names the customer
with own as (
    update tenantry.operation_items i
    set state = $3,
        worker_id = case when $4 then worker_id end,
        finished_at = case when $5 then clock_timestamp() end,
        result = coalesce(c.result, i.result),
        error_code = null, error_message = null, error_step = null, error_retryable = null
    from unnest($1::bigint[], $2::int[], $8::jsonb[], $9::text[], $11::jsonb[])
        as c (id, attempt, result, action, personal)
    where i.id = c.id and i.attempt = c.attempt and i.state || '' = 'running' -- found by id
      and $3 in ('running', 'built', 'succeeded')
    returning i.id, i.attempt, i.tenant_id, i.operation_id, i.result, c.action, c.personal
), changed as (
    update tenantry.tenants t set updated_at = clock_timestamp()
    from own
    where own.action is not null and t.id = own.tenant_id and t.state || '' not in ('deleted', 'released')
), told as (
    -- as append.sql
    insert into tenantry.audit_log (actor, action, tenant_id, operation_id, detail, personal, personal_digest)
    select $10, action, tenant_id, operation_id, result, salted, sha256(convert_to(salted::text, 'UTF8'))
    from (select own.*, personal || jsonb_build_object('salt', gen_random_uuid()) as salted
          from own where action is not null) own
)
insert into tenantry.checkpoints (item_id, stage, attempt, steps)
select id, $6, attempt, $7 from own
on conflict (item_id, stage) do update
set attempt = excluded.attempt, steps = excluded.steps,
    committed_at = clock_timestamp(), undone_at = null
