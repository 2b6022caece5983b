-- For each schema of the tables: what else PUBLIC may do there. $1: tables as schema.table.
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
order by 1
