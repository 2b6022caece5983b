-- What is wrong with the rights of role $2 on schema $1, whose mark is $3, whose group is $4 and
-- whose neighbour is schema $5 (or null). No row = nothing is wrong.
with space as (
    select oid, nspowner from pg_catalog.pg_namespace
    where oid = to_regnamespace(quote_ident($1))
),
actor as (
    select oid, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls
    from pg_catalog.pg_roles
    where oid = to_regrole(quote_ident($2))
),
relation as materialized (
    select c.oid, c.relname, c.relkind, c.relowner
    from space s
    join pg_catalog.pg_depend d
        on d.refclassid = 'pg_catalog.pg_namespace'::regclass and d.refobjid = s.oid and d.deptype = 'n'
            and d.classid = 'pg_catalog.pg_class'::regclass
    join pg_catalog.pg_class c on c.oid = d.objid
)
select 'no_schema' as finding, $1 as about where not exists (select from space)
union all
select 'no_role', $2 where not exists (select from actor)
union all
select 'schema_mark', '' from space s
where $3 is distinct from (select d.description from pg_catalog.pg_description d
    where d.objoid = s.oid and d.classoid = 'pg_catalog.pg_namespace'::regclass and d.objsubid = 0)
union all
select 'role_mark', '' from actor a
where $3 is distinct from (select d.description from pg_catalog.pg_shdescription d
    where d.objoid = a.oid and d.classoid = 'pg_catalog.pg_authid'::regclass)
union all
select 'role_power', '' from actor
where rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls
union all
select case when m.ours then 'in_other_group' else 'not_in_group' end, ''
from actor a, lateral (
    select coalesce(bool_or(m.roleid = to_regrole(quote_ident($4))), false) as ours,
        coalesce(bool_or(m.roleid <> to_regrole(quote_ident($4))), false) as others
    from pg_catalog.pg_auth_members m where m.member = a.oid) m
where m.others or not m.ours
union all
select 'owner', '' from space s, actor a
where s.nspowner = a.oid or exists (select from relation r where r.relowner = a.oid)
union all
select 'no_usage', '' from space s, actor a where not has_schema_privilege(a.oid, s.oid, 'usage')
union all
select 'may_create', '' from space s, actor a where has_schema_privilege(a.oid, s.oid, 'create')
union all
select 'lacks_' || p.name, r.relname
from actor a, relation r, unnest(array['select', 'insert', 'update', 'delete']) p(name)
where (r.relkind in ('r', 'p') or (r.relkind in ('v', 'm', 'f') and p.name = 'select'))
    and (r.relname <> 'tenantry_migrations' or p.name = 'select')
    and not has_table_privilege(a.oid, r.oid, p.name)
union all
select 'writes_versions', '' from actor a, relation r
where r.relname = 'tenantry_migrations'
    and has_table_privilege(a.oid, r.oid, 'insert, update, delete, truncate')
union all
select 'lacks_usage', r.relname from actor a, relation r
where r.relkind = 'S' and not has_sequence_privilege(a.oid, r.oid, 'usage')
union all
select 'enters', n.name
from actor a, unnest(array['tenantry', 'apalis', $5]) n(name)
where n.name <> $1
    and has_schema_privilege(a.oid, to_regnamespace(quote_ident(n.name)), 'usage, create')
union all
select 'creates_in', 'public' from actor a
where has_schema_privilege(a.oid, to_regnamespace('public'), 'create')
union all
select 'no_connect', '' from actor a
where not has_database_privilege(a.oid, current_database(), 'connect')
union all
select 'temporary', '' from actor a
where has_database_privilege(a.oid, current_database(), 'temporary, create')
