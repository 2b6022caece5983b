-- $1 external_id, $2 domain, $3 schema_name; $4 state, $5 pattern of the name, $7 or of the domain; $6 ids above.
-- The tenant that holds all the names given: at most one, found by the index of the first of them.
select id as "id!", name as "name!", description, domain as "domain!",
    schema_name as "schema_name!", role_name as "role_name!", external_id, state as "state!",
    settings as "settings!: Json<Box<RawValue>>", labels as "labels!: Json<Box<RawValue>>", (select m.version from tenantry.tenant_migrations m where m.tenant_id = t.id) as migration_version,
    created_at as "created_at!", activated_at, suspended_at, suspended_reason, suspended_until,
        deleting_at, deleting_reason, purge_at, purge_began_at, held_at, hold_reason,
        deletion_protected as "deletion_protected!",
    updated_at as "updated_at!", xmin::text as "xmin!"
from tenantry.tenants t
where id in (
        select id from tenantry.tenants
        where external_id = $1 and state not in ('deleted', 'released')
        union all
        select id from tenantry.tenants
        where $1::text is null and domain = $2 and state not in ('deleted', 'released')
        union all
        select id from tenantry.tenants
        where $1::text is null and $2::text is null and schema_name = $3
            and state not in ('deleted', 'released')
    )
    and domain = coalesce($2, domain) and schema_name = coalesce($3, schema_name)
    and state = coalesce($4, state)
    and ($5::text is null or lower(name) like lower($5) or domain like $7)
    and id > $6
