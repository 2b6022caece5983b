-- A row for each way in which what tenants share is not as the settings list it, or is open to more than
-- their use: the sentence, and whether tenants cannot be made so. $1: the tenants' group, $2: extensions,
-- $3: tables as schema.table.
select format('extension %s is not in schema tenantry_extensions', x.name), true
from unnest($2::text[]) x (name)
where not exists (
    select from pg_catalog.pg_extension e
    where e.extname = x.name
        and e.extnamespace in (to_regnamespace('tenantry_extensions'), 'pg_catalog'::regnamespace))
union all
select format('group role %s may not use schema tenantry_extensions', $1), true
from pg_catalog.pg_namespace n
where n.nspname = 'tenantry_extensions' and cardinality($2::text[]) > 0
    and not has_schema_privilege(to_regrole(quote_ident($1))::oid, n.oid, 'usage')
union all
select format('%s may not use schema tenantry_extensions', current_user), true
from pg_catalog.pg_namespace n
where n.nspname = 'tenantry_extensions' and cardinality($2::text[]) > 0
    and not has_schema_privilege(n.oid, 'usage')
union all
select format('there is no table %s, which `tenants.shared_tables` lists', t), true
from unnest($3::text[]) t
where not exists (
    select from pg_catalog.pg_namespace n
    join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = split_part(t, '.', 2)
    where n.nspname = split_part(t, '.', 1))
union all
select format('%s may not %s table %s', r.role, r.may_not, t), true
from unnest($3::text[]) t
join pg_catalog.pg_namespace n on n.nspname = split_part(t, '.', 1)
join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = split_part(t, '.', 2)
cross join lateral (
    select 'group role ' || $1, 'read'
    where not has_table_privilege(to_regrole(quote_ident($1))::oid, c.oid, 'select')
        or not has_schema_privilege(to_regrole(quote_ident($1))::oid, n.oid, 'usage')
    union all
    select current_user::text, 'reference'
    where not has_schema_privilege(n.oid, 'usage') or not has_table_privilege(c.oid, 'select')
        or c.relkind in ('r', 'p') and not has_table_privilege(c.oid, 'references')
) r (role, may_not)
union all
select format('%s may create in schema tenantry_extensions',
        case a.grantee when 0 then 'PUBLIC, and so every tenant,' else a.grantee::regrole::text end), false
from pg_catalog.pg_namespace n
cross join lateral aclexplode(n.nspacl) a
where n.nspname = 'tenantry_extensions' and a.privilege_type = 'CREATE' and a.grantee <> n.nspowner
union all
select format('tenants may change table %s', t), false
from unnest($3::text[]) t
join pg_catalog.pg_namespace n on n.nspname = split_part(t, '.', 1)
join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = split_part(t, '.', 2)
where has_table_privilege(to_regrole(quote_ident($1))::oid, c.oid, 'insert, update, delete, truncate, trigger')
    or has_any_column_privilege(to_regrole(quote_ident($1))::oid, c.oid, 'insert, update')
union all
(select format('%s %s in schema tenantry_extensions belongs to no extension', i.type, i.identity), false
from pg_catalog.pg_depend d,
    pg_identify_object(d.classid, d.objid, d.objsubid) i
where d.refclassid = 'pg_catalog.pg_namespace'::regclass
    and d.refobjid = to_regnamespace('tenantry_extensions')::oid and d.deptype = 'n'
    and not exists (
        select from pg_catalog.pg_depend e
        where e.classid = d.classid and e.objid = d.objid and e.deptype = 'e')
    -- the extension itself
    and d.classid <> 'pg_catalog.pg_extension'::regclass
order by 1 limit 20)
