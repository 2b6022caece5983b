-- $1 items, $2 worker, $3 seconds after which a silent worker is dead, $4 the set of migrations
-- it has, $5 the kinds it knows
with before as (
    select i.id, i.state, i.attempt, i.worker_id,
           -- One item at a time works on a tenant, in the order of their arrival. Those of an operation that
           -- is paused, or whose time has not come, are overtaken. What interrupts waits for its like only.
           i.state || '' in ('queued', 'waiting') and exists (
               select from tenantry.operation_items e
               where e.tenant_id = i.tenant_id and e.id <> i.id and (e.interrupts or not i.interrupts)
                 and (e.state || '' in ('running', 'retrying', 'unwinding', 'built', 'undo_failed', 'stuck')
                      or (e.id < i.id and e.state || '' in ('queued', 'waiting')
                          -- no join: that is planned anew after every CREATE SCHEMA, and takes 0.15 ms more
                          and (select f.paused_at is null and f.run_at is null
                                   -- what waits for a worker with another set holds up nothing
                                   and coalesce(f.params ->> 'set' = $4, true)
                               from tenantry.operations f where f.id = e.operation_id)))) as held
    from tenantry.operation_items i
    join tenantry.operations b on b.id = i.operation_id
    where i.id = any($1::bigint[])
      -- a rollout that halts lets what has begun come to its end
      and (b.paused_at is null
           or (i.state || '' = 'retrying' and b.wave is not null and not 'user' = any(b.pause_reasons)))
      -- a pause of the queue lets nobody in who is to be kept out
      and (i.interrupts or not exists (select from tenantry.installation where paused_at is not null))
      and b.kind = any($5)
      -- to end what is cancelled needs no set of migrations
      and (coalesce(b.params ->> 'set' = $4, true) or b.cancel_requested_at is not null)
      -- found by id: the indexes of open items keep an entry of all that were open since the last vacuum
      and (i.state || '' in ('queued', 'waiting', 'retrying')
           or (i.state || '' in ('running', 'unwinding')
               and not exists (
                   select 1 from tenantry.workers w
                   where w.id = i.worker_id and w.stopped_at is null
                     and w.seen_at > clock_timestamp() - make_interval(secs => $3))))
    -- one order for all: two workers that claim the same items wait in turn
    order by i.id
    for update of i
), put_off as (
    update tenantry.operation_items i
    set state = 'waiting', next_attempt_at = null
    from before
    where i.id = before.id and before.held and i.state || '' = 'queued'
), claimed as (
    update tenantry.operation_items i
    set state = case i.state when 'unwinding' then 'unwinding' else 'running' end,
        attempt = i.attempt + 1,
        tries = i.tries + 1,
        worker_id = $2,
        started_at = coalesce(i.started_at, clock_timestamp()),
        next_attempt_at = null
    from before
    where i.id = before.id and not before.held
      and i.state || '' in ('queued', 'waiting', 'running', 'retrying', 'unwinding')
    returning i.*, before.state as old_state, before.worker_id as old_worker
), begun as (
    update tenantry.operations b
    set state = 'running', started_at = coalesce(b.started_at, clock_timestamp())
    from claimed
    where b.id = claimed.operation_id and b.state = 'queued'
)
-- Durable like everything else of an item: a token that a crash of the server forgets would be
-- given out again while the worker that holds it lives on.
select c.id,
       c.operation_id,
       c.attempt,
       c.tries,
       c.state,
       b.kind,
       b.params,
       b.mode,
       case when b.cancel_requested_at is not null or b.state = 'rolling_back'
            then coalesce(b.cancel_code, 'cancelled') end as cancel_code,
       case when c.attempt = 1
            then extract(epoch from clock_timestamp() - c.created_at)::float8 end as waited_secs,
       (c.old_state in ('running', 'unwinding') and c.old_worker is not null) as "taken_over!",
       c.error_code,
       c.error_message,
       c.error_step,
       array(select k.stage from tenantry.checkpoints k
             where k.item_id = c.id and k.undone_at is null) as "checkpoints!",
       c.result,
       c.wave,
       case when b.kind in ('update', 'revoke_keys', 'import') then c.input end as "input: Json<Box<RawValue>>",
       t.id as tenant_id,
       t.state as tenant_state,
       t.name as tenant_name,
       t.domain,
       t.settings as "settings: Json<Box<RawValue>>",
       t.schema_name,
       t.role_name,
       -- by the last look at it
       b.kind = 'migrate' and exists (
           select from tenantry.tenant_checks d
           where d.tenant_id = c.tenant_id and d.drift <> '[]') as "drifted!",
       -- The newest active tenant, for all the same, and an order that tenants_by_state alone has: by
       -- the primary key the way there leads past every tenant that is still pending.
       (select n.schema_name from tenantry.tenants n
        where n.state between 'active' and 'active'
        order by n.state desc, n.id desc limit 1) as neighbour
from claimed c
join tenantry.operations b on b.id = c.operation_id
join tenantry.tenants t on t.id = c.tenant_id
