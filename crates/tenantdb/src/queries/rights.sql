-- One row: each column after the first says whether a rule is broken.
select 'rights', quote_ident({schema_name}),
    {schema} is null,
    {role} is null,
    {mark} is distinct from (select d.description from pg_description d
        where d.objoid = {schema} and d.classoid = 'pg_namespace'::regclass and d.objsubid = 0),
    {mark} is distinct from (select d.description from pg_shdescription d
        where d.objoid = {role} and d.classoid = 'pg_authid'::regclass),
    (select r.rolsuper or r.rolcreaterole or r.rolcreatedb or r.rolreplication or r.rolbypassrls
        from pg_roles r where r.oid = {role}),
    not pg_has_role({role}, {group}, 'member'),
    exists (select from pg_auth_members m where m.member = {role} and m.roleid <> {group}),
    (select n.nspowner = {role} from pg_namespace n where n.oid = {schema}),
    not has_schema_privilege({role}, {schema}, 'usage'),
    has_schema_privilege({role}, {schema}, 'create'),
    coalesce(has_schema_privilege({role}, {neighbour}, 'usage, create'), false)
        or coalesce(has_schema_privilege({role}, to_regnamespace('tenantry'), 'usage, create'), false)
        or coalesce(has_schema_privilege({role}, to_regnamespace('apalis'), 'usage, create'), false),
    has_schema_privilege({role}, to_regnamespace('public'), 'create'),
    not has_database_privilege({role}, current_database(), 'connect'),
    has_database_privilege({role}, current_database(), 'temporary, create')
