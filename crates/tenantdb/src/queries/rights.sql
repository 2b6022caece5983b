-- A row for each schema: each column after its name says whether a rule is broken. The OFFSETs: each is looked up
-- by its key, and not in a hash of all there are.
select 'rights', s.n, quote_ident(s.name),
    s.schema is null,
    s.role is null,
    not coalesce((select d.description in (s.mark, s.mark || ':imported') from pg_description d
        where d.objoid = s.schema and d.classoid = 'pg_namespace'::regclass and d.objsubid = 0), false),
    s.mark is distinct from (select d.description from pg_shdescription d
        where d.objoid = s.role and d.classoid = 'pg_authid'::regclass),
    r.rolsuper or r.rolcreaterole or r.rolcreatedb or r.rolreplication or r.rolbypassrls,
    not pg_has_role(s.role, s.tenants, 'member'),
    exists (select from pg_auth_members m where m.member = s.role and m.roleid <> s.tenants),
    n.nspowner = s.role,
    not has_schema_privilege(s.role, s.schema, 'usage'),
    has_schema_privilege(s.role, s.schema, 'create'),
    coalesce(has_schema_privilege(s.role, s.neighbour, 'usage, create'), false)
        or coalesce(has_schema_privilege(s.role, to_regnamespace('tenantry'), 'usage, create'), false)
        or coalesce(has_schema_privilege(s.role, to_regnamespace('apalis'), 'usage, create'), false),
    -- a right that the shared mode leaves to PUBLIC is the database's trouble, not this tenant's
    has_schema_privilege(s.role, to_regnamespace('public'), 'create')
        and not (i.mode is not null and has_schema_privilege('public', to_regnamespace('public'), 'create')),
    not has_database_privilege(s.role, current_database(), 'connect'),
    has_database_privilege(s.role, current_database(), 'temporary, create')
        and not (i.mode is not null
            and has_database_privilege('public', current_database(), 'temporary, create')),
    not r.rolcanlogin,
    not r.rolinherit,
    r.rolvaliduntil < 'infinity',
    r.rolconnlimit = 0,
    -- the path as `alter role … set search_path` keeps it
    not coalesce(r.rolconfig, '{}') @> array[format('search_path=%I, %s', s.name, s.path)],
    s.application is not null and not exists (select from pg_auth_members m
        where m.roleid = s.role and m.member = s.application and not m.admin_option
            and coalesce((to_jsonb(m) ->> 'set_option')::boolean, true)
            and not coalesce((to_jsonb(m) ->> 'inherit_option')::boolean, false)
        offset 0),
    cardinality(r.rolconfig) > 1 or exists (select from pg_db_role_setting c
        where c.setdatabase = (select oid from pg_database where datname = current_database()) and c.setrole = s.role
        offset 0),
    -- on tables, sequences and functions
    3 <> (select count(*) from pg_default_acl a
          where a.defaclrole = n.nspowner and a.defaclnamespace = s.schema
              and a.defaclacl @> format(case a.defaclobjtype when 'r' then '%s=arwd/%s' when 'S' then '%s=rU/%s'
                  when 'f' then '%s=X/%s' end, s.role::regrole, n.nspowner::regrole)::aclitem),
    -- the application's role, who makes roles, and the owner of all may; see `members.sql`
    exists (select from pg_auth_members m
        where m.roleid = s.role
            and not (m.member = coalesce(s.application, 0) and not m.admin_option
                and coalesce((to_jsonb(m) ->> 'set_option')::boolean, true)
                and not coalesce((to_jsonb(m) ->> 'inherit_option')::boolean, false))
            and m.member <> to_regrole(quote_ident(current_user))::oid
            and m.member is distinct from (select a.nspowner from pg_namespace a where a.nspname = 'tenantry')
            and not starts_with(pg_get_userbyid(m.member)::text, 'tn_' || split_part(s.mark, ':', 2) || '_maker_')
        offset 0),
    exists (select from aclexplode(n.nspacl) x where x.grantee not in (n.nspowner, s.role))
from {subjects}
left join lateral (select a.nspowner, a.nspacl from pg_namespace a where a.oid = s.schema offset 0) n on true
left join lateral (select a.rolsuper, a.rolcreaterole, a.rolcreatedb, a.rolreplication, a.rolbypassrls,
        a.rolcanlogin, a.rolinherit, a.rolvaliduntil, a.rolconnlimit, a.rolconfig
    from pg_roles a where a.oid = s.role offset 0) r on true
left join tenantry.installation i on i.mode = 'shared'
