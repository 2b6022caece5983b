-- One row for each thing that an installation needs and lacks: what, and how to mend it. $1: whether
-- PUBLIC's rights are to be revoked.
with me (name, super) as (
    select quote_ident(r.rolname), r.rolsuper
    from pg_catalog.pg_roles r where r.rolname = current_user
-- a superuser who connected and acts as the owner of schema tenantry
), boss (super) as (
    select r.rolsuper from pg_catalog.pg_roles r where r.rolname = session_user
), database (name, owner, ours, acl) as (
    select quote_ident(d.datname), quote_ident(pg_get_userbyid(d.datdba)),
        pg_has_role(d.datdba, 'usage') or boss.super, coalesce(d.datacl, acldefault('d', d.datdba))
    from pg_catalog.pg_database d, boss where d.datname = current_database()
), public (oid, owner, ours, acl) as (
    select n.oid, quote_ident(pg_get_userbyid(n.nspowner)), pg_has_role(n.nspowner, 'usage') or boss.super,
        coalesce(n.nspacl, acldefault('n', n.nspowner))
    from pg_catalog.pg_namespace n, boss where n.nspname = 'public'
), extension (name, schema_oid, schema, available, trusted) as (
    select x.name, n.oid, n.nspname, a.name is not null,
        exists (select from pg_catalog.pg_available_extension_versions v
                where v.name = x.name and v.version = a.default_version and v.trusted)
    from (values ('hstore'), ('pgcrypto')) x (name)
    left join pg_catalog.pg_extension e on e.extname = x.name
    left join pg_catalog.pg_namespace n on n.oid = e.extnamespace
    left join pg_catalog.pg_available_extensions a on a.name = x.name
), schema (name, oid) as (
    select n.nspname, n.oid from pg_catalog.pg_namespace n where n.nspname in ('tenantry', 'apalis')
-- looked up in pg_class: to_regclass is an error where the schema may not be used
), installed (tenantry, queue) as (
    select coalesce(bool_or(s.name = 'tenantry' and c.relname = '_migrations'), false),
        coalesce(bool_or(s.name = 'apalis' and c.relname = '_sqlx_migrations'), false)
    from schema s join pg_catalog.pg_class c on c.relnamespace = s.oid
), connections (free) as (
    select least(
        current_setting('max_connections')::int
            - case when me.super then 0 else current_setting('superuser_reserved_connections')::int
                + coalesce(current_setting('reserved_connections', true)::int, 0) end
            - (select count(*) from pg_catalog.pg_stat_activity a where a.datid is not null),
        (select nullif(d.datconnlimit, -1) from pg_catalog.pg_database d
         where d.datname = current_database() and not me.super)
            - (select count(*) from pg_catalog.pg_stat_activity a
               where a.datname = current_database()),
        (select nullif(r.rolconnlimit, -1) from pg_catalog.pg_roles r
         where r.rolname = session_user and not me.super)
            - (select count(*) from pg_catalog.pg_stat_activity a where a.usename = session_user))
    from me
)
select format('the server is PostgreSQL %s, and 15 is the oldest that will do',
        current_setting('server_version_num')::int / 10000), null
where current_setting('server_version_num')::int < 150000
union all
select format('PUBLIC has rights on the database, and %s may not revoke them', me.name),
    format('as %s: revoke all on database %s from public', d.owner, d.name)
from database d, me
where $1 and not d.ours and exists (select from aclexplode(d.acl) a where a.grantee = 0)
union all
select format('PUBLIC has rights on schema public, and %s may not revoke them', me.name),
    format('as %s: revoke all on schema public from public', p.owner)
from public p, me
where $1 and not p.ours and exists (select from aclexplode(p.acl) a where a.grantee = 0)
union all
select format('%s may not use schema public, in which the queue looks for a function of its past', me.name),
    format('as %s: grant usage on schema public to %s', p.owner, me.name)
from public p, me, installed i
where not has_schema_privilege(p.oid, 'usage') and not i.queue
union all
select format('the server does not have the extension %s, which the queue needs', x.name),
    'install PostgreSQL''s contrib package on the server'
from extension x where x.schema is null and not x.available
union all
select format('%s may not create the extension %s, which the queue needs', me.name, x.name),
    format('as a superuser: create extension %s', x.name)
from extension x, me where x.schema is null and x.available and not x.trusted and not me.super
union all
select format('the extension hstore is in schema %I, which %s may not use', x.schema, me.name),
    format('as the owner of the schema: grant usage on schema %I to %s', x.schema, me.name)
from extension x, me where x.name = 'hstore' and not has_schema_privilege(x.schema_oid, 'usage')
union all
select format('there is a schema %I that belongs to another application', s.name),
    format('give Tenantry a database of its own, or, if nothing uses the schema: drop schema %I cascade',
        s.name)
from schema s, installed i
where not i.tenantry and exists (select from pg_catalog.pg_class c where c.relnamespace = s.oid)
union all
select format('%s may not create tables in schema %I', me.name, s.name),
    format('as the owner of the schema: grant usage, create on schema %I to %s', s.name, me.name)
from schema s, me where not has_schema_privilege(s.oid, 'usage')
    or not has_schema_privilege(s.oid, 'create')
union all
-- at their smallest settings: an API 2, a worker 5 and its queue 2
select format('%s more connections are free, and an API and a worker take 9', greatest(c.free, 0)),
    'close some, or raise max_connections or the limit of the database or role'
from connections c, installed i where c.free < 9 and not i.tenantry
