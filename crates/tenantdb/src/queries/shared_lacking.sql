-- One row for each thing that sharing these extensions and tables needs and lacks: what, and how to mend
-- it. $1: extensions, $2: tables as schema.table.
with me (name, super) as (
    select quote_ident(r.rolname), r.rolsuper
    from pg_catalog.pg_roles r where r.rolname = current_user
-- a superuser who connected and acts as the owner of schema tenantry
), boss (super) as (
    select r.rolsuper from pg_catalog.pg_roles r where r.rolname = session_user
), home (owner, ours, mark) as (
    select quote_ident(pg_get_userbyid(n.nspowner)), pg_has_role(n.nspowner, 'usage') or boss.super,
        obj_description(n.oid, 'pg_namespace')
    from pg_catalog.pg_namespace n, boss where n.nspname = 'tenantry_extensions'
), extension (name, installed_in, relocatable, owner, available, trusted, fixed, requires) as (
    select x.name, n.nspname, e.extrelocatable, quote_ident(pg_get_userbyid(e.extowner)),
        v.name is not null, coalesce(v.trusted, false), v.schema, coalesce(v.requires, '{}')
    from unnest($1::text[]) x (name)
    left join pg_catalog.pg_extension e on e.extname = x.name
    left join pg_catalog.pg_namespace n on n.oid = e.extnamespace
    left join pg_catalog.pg_available_extensions a on a.name = x.name
    left join pg_catalog.pg_available_extension_versions v
        on v.name = a.name and v.version = a.default_version
), listed (name, schema_name, oid, kind, owner, acl, schema, schema_mark) as (
    select format('%I.%I', x.schema_name, x.table_name), x.schema_name, c.oid, c.relkind,
        quote_ident(pg_get_userbyid(c.relowner)), coalesce(c.relacl, acldefault('r', c.relowner)), n.oid,
        coalesce(d.description, '')
    from (select split_part(t, '.', 1), split_part(t, '.', 2) from unnest($2::text[]) t)
        x (schema_name, table_name)
    left join pg_catalog.pg_namespace n on n.nspname = x.schema_name
    left join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = x.table_name
        and c.relkind in ('r', 'p', 'v', 'm', 'f')
    left join pg_catalog.pg_description d
        on d.objoid = n.oid and d.classoid = 'pg_catalog.pg_namespace'::regclass and d.objsubid = 0
), target (name, oid, kind, owner, acl, schema, schema_name) as (
    select l.name, l.oid, l.kind, l.owner, l.acl, l.schema, quote_ident(l.schema_name) from listed l
    where l.oid is not null and not starts_with(l.schema_mark, 'tenantry:')
)
select format('schema tenantry_extensions belongs to %s', h.owner),
    format('as %s: alter schema tenantry_extensions owner to %s', h.owner, me.name)
from home h, me where not h.ours and cardinality($1::text[]) > 0
union all
select 'schema tenantry_extensions is a tenant''s', 'it was free before this release: list no extensions'
from home h where cardinality($1::text[]) > 0 and starts_with(h.mark, 'tenantry:')
union all
select format('the server does not have the extension %s, which `tenants.extensions` lists', x.name),
    'install its package on the server, or take it out of the list'
from extension x where x.installed_in is null and not x.available
union all
select format('the extension %s is in schema %I, and tenants find those in tenantry_extensions alone',
        x.name, x.installed_in),
    case when x.relocatable then format(
            'if nothing else needs it there, as %s%s: create schema if not exists tenantry_extensions '
            'authorization %s; alter extension %I set schema tenantry_extensions',
            x.owner, case x.installed_in when 'apalis' then ' while no worker runs' else '' end, me.name, x.name)
        else format('it cannot be moved: take it out of `tenants.extensions`, or, if nothing uses it, '
            'as %s: drop extension %I', x.owner, x.name) end
from extension x, me where x.installed_in not in ('tenantry_extensions', 'pg_catalog')
union all
select format('the extension %s belongs into schema %I, where tenants do not find it', x.name, x.fixed),
    'take it out of `tenants.extensions`'
from extension x
where x.installed_in is null and x.fixed not in ('tenantry_extensions', 'pg_catalog')
union all
select format('the extension %s needs the extension %s', x.name, r.name),
    'list it in `tenants.extensions` too'
from extension x cross join unnest(x.requires) r (name)
where r.name <> all ($1::text[]) and not exists (
    select from pg_catalog.pg_extension e
    where e.extname = r.name and e.extnamespace = 'pg_catalog'::regnamespace)
union all
select format('%s may not create the extension %s, which `tenants.extensions` lists', me.name, x.name),
    format('as a superuser: create schema if not exists tenantry_extensions authorization %s; '
        'create extension %I%s', me.name, x.name,
        case when x.fixed is null then ' schema tenantry_extensions' else '' end)
from extension x, me, boss
where x.installed_in is null and x.available and not x.trusted and not boss.super
union all
select format('there is no table %s, which `tenants.shared_tables` lists', l.name),
    'create it, or take it out of the list'
from listed l where l.oid is null
union all
select format('table %s is in a tenant''s schema', l.name),
    'take it out of `tenants.shared_tables`: nobody else may enter that schema'
from listed l where l.oid is not null and starts_with(l.schema_mark, 'tenantry:')
union all
select format('%s may not give tenants the right to read %s', me.name, t.name),
    format('as %s: grant select%s on %s to %s with grant option; grant usage on schema %s to %s with '
        'grant option', t.owner, case when t.kind in ('r', 'p') then ', references' else '' end, t.name,
        me.name, t.schema_name, me.name)
from target t, me, boss
where not boss.super
    and not (has_table_privilege(t.oid, 'select with grant option')
        and has_schema_privilege(t.schema, 'usage with grant option')
        and (t.kind not in ('r', 'p') or has_table_privilege(t.oid, 'references')))
union all
select format('PUBLIC has %s on %s, and every tenant would have it', string_agg(distinct a.privilege_type, ', '),
        t.name),
    format('as %s: revoke insert, update, delete, truncate, trigger on %s from public', t.owner, t.name)
from target t
cross join lateral (
    select x.grantee, x.privilege_type from aclexplode(t.acl) x
    union all
    select x.grantee, x.privilege_type from pg_catalog.pg_attribute c, aclexplode(c.attacl) x
    where c.attrelid = t.oid and c.attacl is not null
) a
where a.grantee = 0 and a.privilege_type in ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER')
group by t.name, t.owner
