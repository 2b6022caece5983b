-- Three branches, of which the parameters leave one, so that each is answered by its own index.
-- Such a statement is planned anew for its parameters: a plan for all of them looks dearer.
(
    select id as "id!", name as "name!", description, domain as "domain!",
        schema_name as "schema_name!", role_name as "role_name!", external_id, state as "state!",
        settings as "settings!: Json<Box<RawValue>>", labels as "labels!: Json<Box<RawValue>>",
        (select m.version from tenantry.tenant_migrations m where m.tenant_id = t.id) as migration_version,
        created_at as "created_at!", activated_at, suspended_at, suspended_reason, suspended_until,
        deleting_at, deleting_reason, purge_at, purge_began_at, held_at, hold_reason,
        deletion_protected as "deletion_protected!",
        updated_at as "updated_at!", xmin::text as "xmin!"
    from tenantry.tenants t
    where $1::text is null and $2::text is null and state not in ('deleted', 'released') and id > $3
    order by id
    offset $4
    limit $5
)
union all
(
    select id, name, description, domain, schema_name, role_name, external_id, state,
        settings, labels,
        (select m.version from tenantry.tenant_migrations m where m.tenant_id = t.id),
        created_at, activated_at, suspended_at, suspended_reason, suspended_until,
        deleting_at, deleting_reason, purge_at, purge_began_at, held_at, hold_reason, deletion_protected,
        updated_at, xmin::text
    from tenantry.tenants t
    where $1::text is not null and $2::text is null and state = $1 and id > $3
    order by id
    offset $4
    limit $5
)
union all
(
    select id, name, description, domain, schema_name, role_name, external_id, state,
        settings, labels,
        (select m.version from tenantry.tenant_migrations m where m.tenant_id = t.id),
        created_at, activated_at, suspended_at, suspended_reason, suspended_until,
        deleting_at, deleting_reason, purge_at, purge_began_at, held_at, hold_reason, deletion_protected,
        updated_at, xmin::text
    from tenantry.tenants t
    where $2::text is not null and (lower(name) like lower($2) or domain like $6) and id > $3
        and case when $1::text is null then state not in ('deleted', 'released') else state = $1 end
    order by id
    offset $4
    limit $5
)
order by 1
