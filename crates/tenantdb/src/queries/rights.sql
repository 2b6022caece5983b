-- A row for each schema: each column after its name says whether a rule is broken.
select 'rights', s.n, quote_ident(s.name),
    s.schema is null,
    s.role is null,
    s.mark is distinct from (select d.description from pg_description d
        where d.objoid = s.schema and d.classoid = 'pg_namespace'::regclass and d.objsubid = 0),
    s.mark is distinct from (select d.description from pg_shdescription d
        where d.objoid = s.role and d.classoid = 'pg_authid'::regclass),
    (select r.rolsuper or r.rolcreaterole or r.rolcreatedb or r.rolreplication or r.rolbypassrls
        from pg_roles r where r.oid = s.role),
    not pg_has_role(s.role, s.tenants, 'member'),
    exists (select from pg_auth_members m where m.member = s.role and m.roleid <> s.tenants),
    (select n.nspowner = s.role from pg_namespace n where n.oid = s.schema),
    not has_schema_privilege(s.role, s.schema, 'usage'),
    has_schema_privilege(s.role, s.schema, 'create'),
    coalesce(has_schema_privilege(s.role, s.neighbour, 'usage, create'), false)
        or coalesce(has_schema_privilege(s.role, to_regnamespace('tenantry'), 'usage, create'), false)
        or coalesce(has_schema_privilege(s.role, to_regnamespace('apalis'), 'usage, create'), false),
    has_schema_privilege(s.role, to_regnamespace('public'), 'create'),
    not has_database_privilege(s.role, current_database(), 'connect'),
    has_database_privilege(s.role, current_database(), 'temporary, create')
from {subjects}
