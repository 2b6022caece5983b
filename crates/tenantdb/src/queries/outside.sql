-- A row for each object outside the tenants' schemas: its kind and name, and a text that is another one
-- once this transaction has changed it. In REPEATABLE READ no other session's changes are seen.
-- $1 how the names of tenants' roles begin, $2 the schema that a migration may change, $3 tables that tenants
-- share, as schema.table: a foreign key locks them. Of what lies in spares and other scratch tenants, the
-- relations that this transaction has changed.
with place as materialized (
    select n.oid, n.nspname, coalesce(starts_with(d.description, 'tenantry:'), false) as is_tenants,
        concat_ws(' ', n.nspowner, n.nspacl) as definition
    from pg_catalog.pg_namespace n
    left join pg_catalog.pg_description d on d.objoid = n.oid
        and d.classoid = 'pg_catalog.pg_namespace'::regclass and d.objsubid = 0
    where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', $2)
), written as materialized (
    select c.oid, p.is_tenants, string_agg(l.mode, ' ' order by l.mode) as modes
    from pg_catalog.pg_locks l
    join pg_catalog.pg_class c on c.oid = l.relation
    join place p on p.oid = c.relnamespace
    where l.locktype = 'relation' and l.pid = pg_backend_pid()
        and l.mode not in ('AccessShareLock', 'RowShareLock')
        and not (format('%s.%s', p.nspname, c.relname) = any ($3)
            and l.mode in ('ShareRowExclusiveLock', 'AccessExclusiveLock'))
    group by c.oid, p.is_tenants
), object (classid, objid, definition, whose) as (
    select d.classid, d.objid, concat_ws(' ', f.xmin, t.xmin, w.modes, c.relowner, c.relacl), ''
    from place p
    -- the OFFSET: by the index, whatever the number of tenants
    cross join lateral (
        select d.classid, d.objid from pg_catalog.pg_depend d
        where d.refclassid = 'pg_catalog.pg_namespace'::regclass and d.refobjid = p.oid
            and d.deptype = 'n' and d.classid <> 'pg_catalog.pg_extension'::regclass
        offset 0
    ) d
    left join pg_catalog.pg_proc f on d.classid = 'pg_catalog.pg_proc'::regclass and f.oid = d.objid
    left join pg_catalog.pg_type t on d.classid = 'pg_catalog.pg_type'::regclass and t.oid = d.objid
    left join pg_catalog.pg_class c on d.classid = 'pg_catalog.pg_class'::regclass and c.oid = d.objid
    left join written w on d.classid = 'pg_catalog.pg_class'::regclass and w.oid = d.objid
    where not p.is_tenants
    union all
    select 'pg_catalog.pg_class'::regclass, w.oid, w.modes, ' of another tenant' from written w where w.is_tenants
    union all
    select e.tableoid, e.oid, e.xmin::text, '' from pg_catalog.pg_extension e
    union all
    select l.tableoid, l.oid, l.xmin::text, '' from pg_catalog.pg_language l
    union all
    select c.tableoid, c.oid, c.xmin::text, '' from pg_catalog.pg_cast c
    union all
    select t.tableoid, t.oid, t.xmin::text, '' from pg_catalog.pg_event_trigger t
    union all
    select p.tableoid, p.oid, p.xmin::text, '' from pg_catalog.pg_publication p
    union all
    select s.tableoid, s.oid, s.xmin::text, '' from pg_catalog.pg_foreign_server s
    union all
    select a.tableoid, a.oid, a.xmin::text, '' from pg_catalog.pg_default_acl a where a.defaclnamespace = 0
)
select i.type || ' ' || i.identity || o.whose, o.definition
from object o, pg_catalog.pg_identify_object(o.classid, o.objid, 0) i
where i.type is not null
union all
select format('schema %s', p.nspname), p.definition from place p where not p.is_tenants
union all
select format('role %s', r.rolname), concat_ws(' ', r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb,
    r.rolcanlogin, r.rolreplication, r.rolbypassrls, r.rolconnlimit, r.rolvaliduntil, r.rolconfig,
    array(select m.member from pg_catalog.pg_auth_members m where m.roleid = r.oid order by 1))
from pg_catalog.pg_roles r where not starts_with(r.rolname, $1)
union all
select format('settings of database %s', b.datname), concat_ws(' ', b.datdba, b.datacl,
    array(select s.setrole || ' ' || s.setconfig::text from pg_catalog.pg_db_role_setting s
          where s.setdatabase = b.oid order by 1))
from pg_catalog.pg_database b where b.datname = current_database()
