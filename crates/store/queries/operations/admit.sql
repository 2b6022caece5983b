-- $1 operation, $2 kind, $3 params, $4 who asks, $5 not before, $6 the digest that the caller has seen,
-- $7 whether to write, $8 states, $9 ids, $10 feature, $11 places (set, space, version) of those that have
-- the version asked for, $12 pattern of the name,
-- $13 moment, $14 external ids, $15 set and $16 version of those that are left out, $17 whether it interrupts,
-- $18 what the item of each id has to know, $19 label
with chosen as materialized (
    select t.id, t.name, t.domain, t.schema_name, t.deletion_protected and $2 = 'delete' as is_protected
    from tenantry.tenants t
    left join tenantry.tenant_migrations m on m.tenant_id = t.id
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
      and ($15::text is null or m.set_hash is distinct from $15 or m.version is distinct from $16)
), told as (
    select count(*) as tenants, count(*) filter (where is_protected) as protected,
           -- of kind and params too: who has looked at one thing must not get another
           encode(sha256(convert_to(concat_ws(E'\n', $2::text, $3::jsonb::text,
               coalesce(string_agg(id::text, ',' order by id), '')), 'UTF8')), 'hex') as digest
    from chosen
), operation as (
    insert into tenantry.operations (id, kind, params, state, mode, total, created_by, run_at)
    select $1, $2, $3, 'queued', 'independent', tenants, $4, $5
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
        (operation_id, idx, state, input, tenant_id, tenant_name, domain, schema_name, next_attempt_at, interrupts)
    select o.id, row_number() over (order by g.place, c.id) - 1, 'queued', coalesce(g.input, r.input, '{}'), c.id, c.name,
           c.domain, c.schema_name, $5, $17
    from operation o cross join chosen c
    -- a list of changes keeps its order
    left join unnest(case when $18::jsonb[] is not null then $9::bigint[] end, $18) with ordinality
        as g (id, input, place) on g.id = c.id
    left join (select tenant_id, jsonb_build_object('revoked', jsonb_agg(id order by id)) as input
               from revoked group by tenant_id) r on r.tenant_id = c.id
    order by c.id
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
)
select tenants as "tenants!", digest as "digest!", protected as "protected!",
       exists (select from operation) as "admitted!",
       array(select id from chosen order by id limit 20) as "sample_ids!",
       array(select name from chosen order by id limit 20) as "sample_names!"
from told
