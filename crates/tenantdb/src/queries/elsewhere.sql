-- A row for each object outside the tenants' schemas on which a tenant's role has a right by name, or
-- which belongs to it: the role, the sentence, and the statement that takes the right back. $1 is the
-- installation, $2 the roles to ask for, null for all. Found by what the server keeps of each role, and not
-- object by object. Left out is what a tenant may make by itself: temporary tables, large objects,
-- things where PUBLIC may create, and its own default privileges, with whatever rights it gives on them.
select d.rolname::text,
    case when d.deptype = 'o' then format('%s %s belongs to the role', i.type, i.identity)
         when d.later is not null then format('the role has %s by default privileges %s', x.rights, i.identity)
         else format('the role has %s on %s %s', x.rights, replace(i.type, ' ACL', ''), i.identity) end,
    case when d.deptype = 'o' then null
         when d.later is not null then format('alter default privileges for role %s%s revoke %s on %s from %I cascade',
             d.later_role::regrole, ' in schema ' || d.schema::regnamespace, x.rights, d.later, d.rolname)
         else format('revoke %s on %s %s from %I cascade', x.rights, d.noun,
             (pg_identify_object(d.classid, d.objid, 0)).identity, d.rolname) end
from (
    select r.rolname, r.oid as role, s.classid, s.objid, s.objsubid, s.deptype, f.defaclrole as later_role,
        n.oid as schema,
        case f.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions'
            when 'T' then 'types' when 'n' then 'schemas' when 'L' then 'large objects' end as later,
        case s.classid when 'pg_class'::regclass then case c.relkind when 'S' then 'sequence' else 'table' end
            when 'pg_proc'::regclass then 'routine'
            when 'pg_type'::regclass then case t.typtype when 'd' then 'domain' else 'type' end
            when 'pg_namespace'::regclass then 'schema' when 'pg_database'::regclass then 'database'
            when 'pg_language'::regclass then 'language' when 'pg_tablespace'::regclass then 'tablespace'
            when 'pg_foreign_data_wrapper'::regclass then 'foreign data wrapper'
            when 'pg_foreign_server'::regclass then 'foreign server'
            when 'pg_parameter_acl'::regclass then 'parameter'
            when 'pg_largeobject'::regclass then 'large object' end as noun,
        case s.classid when 'pg_class'::regclass then case s.objsubid when 0 then c.relacl else
                (select a.attacl from pg_attribute a where a.attrelid = s.objid and a.attnum = s.objsubid) end
            when 'pg_proc'::regclass then p.proacl when 'pg_type'::regclass then t.typacl
            when 'pg_default_acl'::regclass then f.defaclacl
            when 'pg_namespace'::regclass then (select a.nspacl from pg_namespace a where a.oid = s.objid)
            when 'pg_database'::regclass then (select a.datacl from pg_database a where a.oid = s.objid)
            when 'pg_language'::regclass then (select a.lanacl from pg_language a where a.oid = s.objid)
            when 'pg_tablespace'::regclass then (select a.spcacl from pg_tablespace a where a.oid = s.objid)
            when 'pg_foreign_data_wrapper'::regclass then
                (select a.fdwacl from pg_foreign_data_wrapper a where a.oid = s.objid)
            when 'pg_foreign_server'::regclass then (select a.srvacl from pg_foreign_server a where a.oid = s.objid)
            when 'pg_parameter_acl'::regclass then (select a.paracl from pg_parameter_acl a where a.oid = s.objid)
            when 'pg_largeobject'::regclass then l.lomacl end as acl
    from pg_roles r
    join pg_shdepend s on s.refclassid = 'pg_authid'::regclass and s.refobjid = r.oid and s.deptype in ('a', 'o')
        and s.dbid in (0, (select b.oid from pg_database b where b.datname = current_database()))
        -- memberships are told by their groups
        and s.classid <> 'pg_auth_members'::regclass
    left join pg_class c on s.classid = 'pg_class'::regclass and c.oid = s.objid
    left join pg_proc p on s.classid = 'pg_proc'::regclass and p.oid = s.objid
    left join pg_type t on s.classid = 'pg_type'::regclass and t.oid = s.objid
    left join pg_default_acl f on s.classid = 'pg_default_acl'::regclass and f.oid = s.objid
    left join pg_largeobject_metadata l on s.classid = 'pg_largeobject'::regclass and l.oid = s.objid
    left join pg_namespace n on n.oid = coalesce(c.relnamespace, p.pronamespace, t.typnamespace, f.defaclnamespace,
        case s.classid when 'pg_namespace'::regclass then s.objid end)
    where r.rolname ~ ('^tn_' || $1 || '_[0-9]+$') and ($2::text[] is null or r.rolname = any($2::text[]))
        and not coalesce(pg_get_userbyid(coalesce(f.defaclrole, l.lomowner)) ~ ('^tn_' || $1 || '_[0-9]+$'), false)
        and coalesce(n.nspname, '') !~ '^pg_(toast_)?temp_'
        and not exists (
            select from pg_description m where m.objoid = n.oid and m.classoid = 'pg_namespace'::regclass
                and m.objsubid = 0 and starts_with(m.description, 'tenantry:' || $1 || ':'))
    offset 0
) d
cross join lateral pg_identify_object(d.classid, d.objid, d.objsubid) i
cross join lateral (
    select string_agg(a.privilege_type || coalesce((
        select format(' (%I)', c.attname) from pg_attribute c
        where d.objsubid > 0 and c.attrelid = d.objid and c.attnum = d.objsubid), ''), ', ')
    from aclexplode(d.acl) a where a.grantee = d.role
) x (rights)
where (d.deptype = 'a' and x.rights is not null
        or d.deptype = 'o' and case d.classid
            when 'pg_namespace'::regclass then not has_database_privilege('public', current_database(), 'create')
            else not coalesce(has_schema_privilege('public', to_regnamespace(quote_ident(i.schema)), 'create'), false) end)
    -- of rarer kinds of object the schema is known only here
    and not exists (
        select from pg_namespace n
        join pg_description m on m.objoid = n.oid and m.classoid = 'pg_namespace'::regclass and m.objsubid = 0
        where d.schema is null and n.nspname = i.schema and starts_with(m.description, 'tenantry:' || $1 || ':'))
order by 1, 2
