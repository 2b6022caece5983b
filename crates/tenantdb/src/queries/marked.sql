-- Schemas after $2 that bear the mark of installation $1, by name.
select n.nspname::text, d.description
from pg_catalog.pg_namespace n
join pg_catalog.pg_description d on d.objoid = n.oid and d.objsubid = 0
    and d.classoid = 'pg_catalog.pg_namespace'::regclass
where n.nspname > $2::text::name and n.nspname ~ '^[a-z_][a-z0-9_]*$'
    and d.description ~ ('^tenantry:' || $1 || ':[1-9][0-9]*(:imported)?$')
order by n.nspname limit $3
