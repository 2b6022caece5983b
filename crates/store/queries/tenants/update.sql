-- $1 tenants, and for each of them $2 name, $3 domain, $4 external id, $5 description, $6 settings, $7 labels.
-- Their rows are locked. Says of each which of these are other ones now.
with wanted as (
    select * from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::jsonb[])
        as w (id, name, domain, external_id, description, settings, labels)
), compared as materialized (
    select w.*, array_remove(array[
        case when t.name <> w.name then 'tenant_name' end,
        case when t.domain <> w.domain then 'domain' end,
        case when t.external_id is distinct from w.external_id then 'external_id' end,
        case when t.description is distinct from w.description then 'description' end,
        case when t.settings <> w.settings then 'settings' end,
        case when t.labels <> w.labels then 'labels' end
    ], null) as changed
    from wanted w join tenantry.tenants t on t.id = w.id
), updated as (
    update tenantry.tenants t
    set name = c.name, domain = c.domain, external_id = c.external_id, description = c.description,
        settings = c.settings, labels = c.labels, updated_at = clock_timestamp()
    from compared c
    where t.id = c.id and cardinality(c.changed) > 0
)
select id as "id!", changed as "changed!" from compared
