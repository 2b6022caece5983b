-- Two branches, of which the parameters leave one, so that each is answered by its own index.
(
    select t.id as "id!", t.name as "name!", t.schema_name as "schema_name!", t.state as "state!", c.checked_at,
        c.schema_valid, c.db_accessible, c.overall_health, c.health_since, c.reasons, c.drift <> '[]' as drifted
    from tenantry.tenants t
    left join tenantry.tenant_checks c on c.tenant_id = t.id
    where $1::text is null and t.state in ('active', 'suspended') and t.id > $2
    order by t.id
    limit $3
)
union all
(
    select t.id, t.name, t.schema_name, t.state, c.checked_at,
        c.schema_valid, c.db_accessible, c.overall_health, c.health_since, c.reasons, c.drift <> '[]'
    from tenantry.tenant_checks c
    join tenantry.tenants t on t.id = c.tenant_id
    where $1::text is not null and c.overall_health = $1 and t.state in ('active', 'suspended')
        and c.tenant_id > $2
    order by c.tenant_id
    limit $3
)
order by 1
