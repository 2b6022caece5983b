-- For each schema of the tables: what else PUBLIC may do there. For each table that tenants read and that is
-- not among the tables: how to end it. $1: tables as schema.table, $2: the tenants' group.
select format('tenants may enter schema %I for its shared tables, and have what PUBLIC has there: %s', n.nspname,
    concat_ws(', ',
        case when r.count > 0 then format('functions (%s)', r.count) end,
        case when c.count > 0 then format('tables or sequences (%s)', c.count) end))
from (select distinct split_part(t, '.', 1) from unnest($1::text[]) t) x (name)
join pg_catalog.pg_namespace n on n.nspname = x.name
cross join lateral (
    select count(*) from pg_catalog.pg_proc p
    where p.pronamespace = n.oid
        and exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
                    where a.grantee = 0)
) r
cross join lateral (
    select count(*) from pg_catalog.pg_class k
    where k.relnamespace = n.oid and format('%s.%s', n.nspname, k.relname) <> all ($1::text[])
        and exists (select from aclexplode(k.relacl) a where a.grantee = 0)
) c
where r.count > 0 or c.count > 0
union all
select format('tenants may read %1$I.%2$I, and `tenants.shared_tables` does not list it: if no tenant uses it, '
    'run `revoke select on %1$I.%2$I from %3$I`', n.nspname, c.relname, $2::text)
from pg_catalog.pg_shdepend d
join pg_catalog.pg_class c on c.oid = d.objid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where d.refclassid = 'pg_catalog.pg_authid'::regclass and d.refobjid = to_regrole(quote_ident($2))::oid
    and d.dbid = (select oid from pg_catalog.pg_database where datname = current_database())
    and d.classid = 'pg_catalog.pg_class'::regclass and d.objsubid = 0 and d.deptype = 'a'
    and exists (select from aclexplode(c.relacl) a
                where a.grantee = d.refobjid and a.privilege_type = 'SELECT')
    and format('%s.%s', n.nspname, c.relname) <> all ($1::text[])
    -- doctor tells of rights in a tenant's schema
    and not exists (select from tenantry.tenants t where t.schema_name = n.nspname and t.state <> 'deleted')
order by 1
