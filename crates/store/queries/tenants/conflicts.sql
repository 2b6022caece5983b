select
    wanted.id as "id!",
    exists (select from tenantry.tenants t where t.id = wanted.id) as "row!",
    exists (
        select from tenantry.tenants t
        where t.domain = wanted.domain and (t.state not in ('deleted', 'released') or t.names_held_until is not null)
            and t.id <> wanted.id
    ) as "domain!",
    exists (
        select from tenantry.tenants t
        where t.schema_name = wanted.schema_name and (t.state not in ('deleted', 'released') or t.names_held_until is not null)
            and t.id <> wanted.id
    ) as "schema!",
    exists (
        select from tenantry.tenants t
        where t.external_id = wanted.external_id and (t.state not in ('deleted', 'released') or t.names_held_until is not null)
            and t.id <> wanted.id
    ) as "external_id!"
from unnest($1::bigint[], $2::text[], $3::text[], $4::text[])
    as wanted (id, domain, schema_name, external_id)
