with reserved as (
    insert into tenantry.tenants
        (id, name, description, domain, schema_name, role_name, external_id, settings, labels, state)
    select id, name, description, domain, schema_name, role_name, external_id, settings, labels, 'pending'
    from unnest(
        $1::bigint[],
        $2::text[],
        $3::text[],
        $4::text[],
        $5::text[],
        $6::text[],
        $7::text[],
        $8::jsonb[],
        $9::jsonb[]
    ) with ordinality
        as wanted (id, name, description, domain, schema_name, role_name, external_id, settings, labels, ord)
    -- the caller's order: rows are inserted, and so locked, one after the other
    order by ord
    on conflict do nothing
    returning id
), locks as (
    insert into tenantry.tenant_locks (tenant_id) select id from reserved
)
select id from reserved
