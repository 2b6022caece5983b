-- $1 operation, $2 kind, $3 params, $4 who asks, $5 not before, $6 the digest that the caller has seen,
-- $7 whether to write, $8 states, $9 ids, $10 feature, $11 places (set, space, version) of those that have
-- the version asked for, $12 pattern of the name,
-- $13 moment, $14 external ids, $15 set and $16 version of those that are left out, $17 whether it interrupts,
-- $18 what the item of each id has to know, $19 label, $20 the waves, see store::rollouts::prepared
with moving as materialized (
    -- by what was asked for before: they do not stay at the place
    select distinct i.tenant_id
    from tenantry.operations o
    join tenantry.operation_items i on i.operation_id = o.id
    where $15::text is not null and o.kind = 'migrate' and o.finished_at is null
      and (o.run_at is null or o.run_at <= coalesce($5, clock_timestamp()))
      and i.state in ('queued', 'waiting', 'running', 'retrying')
      and ($9::bigint[] is null or i.tenant_id = any($9))
), chosen as materialized (
    select t.id, t.name, t.domain, t.schema_name, t.deletion_protected and $2 = 'delete' as is_protected
    from tenantry.tenants t
    left join tenantry.tenant_migrations m on m.tenant_id = t.id
    left join moving v on v.tenant_id = t.id
    where t.state = any($8::text[])
      -- nothing takes back a drop that has begun
      and (t.purge_began_at is null or $2 = 'purge')
      and ($9::bigint[] is null or t.id = any($9))
      and ($19::jsonb is null or (t.labels <> '{}' and t.labels @> $19))
      and ($10::text is null or t.settings -> 'features' ? $10)
      and ($11::text[] is null or (m.set_hash || ' ' || m.version = any($11)) is not true)
      and ($12::text is null or lower(t.name) like lower($12))
      and ($13::timestamptz is null or t.created_at < $13)
      and ($14::text[] is null or t.external_id = any($14))
      and ($15::text is null or m.set_hash is distinct from $15 or m.version is distinct from $16
           or v.tenant_id is not null)
), counted as (
    select count(*) as tenants, count(*) filter (where is_protected) as protected,
           -- of kind and params too: who has looked at one thing must not get another
           encode(sha256(convert_to(concat_ws(E'\n', $2::text, $3::jsonb::text,
               coalesce(string_agg(id::text, ',' order by id), ''), $20::jsonb::text), 'UTF8')), 'hex') as digest
    from chosen
), waves as materialized (
    select w.ordinality::smallint as wave, w.spec, w.spec -> 'selector' as s
    from jsonb_array_elements($20) with ordinality as w (spec, ordinality)
), listed as (
    select l.id::bigint as id, min(w.wave) as wave
    from waves w cross join jsonb_array_elements_text(w.spec -> 'ids') as l (id)
    group by l.id
), fitting as (
    select t.id, min(w.wave) as wave
    from waves w
    join chosen c on jsonb_typeof(w.s) = 'object'
    join tenantry.tenants t on t.id = c.id
    where coalesce(w.s -> 'status' ? t.state, true)
      and coalesce(t.settings -> 'features' ? (w.s ->> 'feature'), not w.s ? 'feature')
      and coalesce(t.labels @> (w.s -> 'label'), true)
      and coalesce(lower(t.name) like lower(w.s ->> 'name'), true)
      and coalesce(t.created_at < (w.s ->> 'created_before')::timestamptz, true)
      and coalesce(w.s -> 'external_ids' ? t.external_id, not w.s ? 'external_ids')
    group by t.id
), drawn as (
    -- the digest stands for the operation: who looks at it first sees the waves that it will have
    select c.id, row_number() over (order by hashtextextended(n.digest || c.id, 0), c.id) as place
    from chosen c cross join counted n where $20 is not null
), placed as (
    select c.id, w.wave, w.spec,
           row_number() over (partition by w.wave order by
               case when w.spec ->> 'order_by' = 'name' then lower(c.name) end,
               case when w.spec ->> 'order_by' = 'newest' then -c.id end, c.id) as place
    from chosen c
    join drawn d on d.id = c.id
    cross join counted n
    left join listed l on l.id = c.id
    left join fitting f on f.id = c.id
    join lateral (
        select w.wave, w.spec from waves w
        where w.wave = least(l.wave, f.wave, (
            select min(s.wave) from waves s
            where d.place <= coalesce((s.spec ->> 'count')::bigint,
                                      ceil((s.spec ->> 'percent')::numeric * n.tenants / 100))),
            (select max(wave) from waves))
    ) w on true
), told as (
    select n.tenants, n.protected, case when $20 is null then n.digest else encode(sha256(convert_to(
        n.digest || (select coalesce(string_agg(p.wave::text, ',' order by p.id), '') from placed p),
        'UTF8')), 'hex') end as digest
    from counted n
), operation as (
    insert into tenantry.operations (id, kind, params, state, mode, total, created_by, run_at, wave)
    select $1, $2, $3, 'queued', 'independent', tenants, $4, $5, case when $20 is not null then 0 end
    from told where $7 and tenants > 0 and protected = 0 and ($6::text is null or $6 = digest)
    returning id
), revoked as (
    -- at once; a key that is being issued at this moment is for the items
    update tenantry.api_keys k
    set revoked_at = clock_timestamp(), sealed = null, sealed_until = null
    from operation o cross join chosen c
    where $2 = 'revoke_keys' and k.tenant_id = c.id and k.revoked_at is null
      and (k.expires_at is null or k.expires_at > clock_timestamp())
      and k.created_at < coalesce(($3 ->> 'created_before')::timestamptz, 'infinity')
    returning k.tenant_id, k.id
), items as (
    insert into tenantry.operation_items
        (operation_id, idx, state, input, tenant_id, tenant_name, domain, schema_name, next_attempt_at, interrupts,
         wave)
    select o.id, row_number() over (order by g.place, p.wave, p.place, c.id) - 1,
           case when p.wave is null then 'queued' else 'planned' end, coalesce(g.input, r.input, '{}'), c.id, c.name,
           c.domain, c.schema_name, $5, $17, p.wave
    from operation o cross join chosen c
    -- a list of changes keeps its order
    left join unnest(case when $18::jsonb[] is not null then $9::bigint[] end, $18) with ordinality
        as g (id, input, place) on g.id = c.id
    left join (select tenant_id, jsonb_build_object('revoked', jsonb_agg(id order by id)) as input
               from revoked group by tenant_id) r on r.tenant_id = c.id
    left join placed p on p.id = c.id
    order by p.wave, p.place, c.id
), plan as (
    select w.wave, w.spec, count(p.id)::int as total,
           coalesce(jsonb_agg(jsonb_build_object('tenant_id', p.id, 'tenant_name', c.name) order by p.place)
                    filter (where p.place <= 5), '[]') as sample
    from waves w
    left join placed p on p.wave = w.wave
    left join chosen c on c.id = p.id
    group by w.wave, w.spec
    -- nothing may be left for the last wave
    having count(p.id) > 0 or not w.spec -> 'told' ? 'rest'
), rollout as (
    insert into tenantry.rollout_waves (operation_id, wave, total, chosen, parallel, halt, bake_secs, gated)
    select o.id, n.wave, n.total, n.spec -> 'told', (n.spec ->> 'parallel')::int, nullif(n.spec -> 'halt', 'null'),
           (n.spec ->> 'bake')::int, (n.spec ->> 'gated')::boolean
    from operation o cross join plan n
), suspended as (
    -- at once; what its role may do follows
    update tenantry.tenants t
    set state = 'suspended', suspended_at = coalesce(t.suspended_at, clock_timestamp()),
        suspended_reason = $3 ->> 'reason', suspended_until = ($3 ->> 'until')::timestamptz,
        updated_at = clock_timestamp()
    from operation o cross join chosen c
    where $2 = 'suspend' and t.id = c.id and t.state in ('active', 'suspended')
), yielded as (
    -- a drop that is stuck before anything was dropped
    update tenantry.operation_items e
    set state = 'failed', error_code = 'superseded', error_message = 'a later request has taken its place'
    from operation o cross join chosen c
    where $2 in ('delete', 'undelete') and e.tenant_id = c.id and e.state = 'stuck'
), deleted as (
    update tenantry.tenants t
    set state = 'deleting', deleting_at = clock_timestamp(), deleting_reason = $3 ->> 'reason',
        deleting_from = case t.state when 'deleting' then t.deleting_from else t.state end,
        purge_at = clock_timestamp() + make_interval(days => ($3 ->> 'grace_days')::int),
        purge_taken_at = null, name_hold_days = ($3 ->> 'name_hold_days')::int,
        updated_at = clock_timestamp()
    from operation o cross join chosen c
    where $2 = 'delete' and t.id = c.id and t.state in ('active', 'suspended', 'deleting')
), imported as (
    update tenantry.imports i set drop_too = coalesce(($3 ->> 'drop_imported')::boolean, false)
    from operation o cross join chosen c
    where $2 = 'delete' and i.tenant_id = c.id
)
select tenants as "tenants!", digest as "digest!", protected as "protected!",
       exists (select from operation) as "admitted!",
       array(select id from chosen order by id limit 20) as "sample_ids!",
       array(select name from chosen order by id limit 20) as "sample_names!",
       (select jsonb_agg(jsonb_build_object('wave', wave, 'tenants', total, 'chosen', spec -> 'told', 'sample', sample)
                         order by wave) from plan) as waves
from told
