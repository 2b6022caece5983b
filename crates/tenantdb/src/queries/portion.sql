-- $1 schema, $2 how many. Statements that drop relations: what reads others first, partitions before their tables.
select format('drop %s if exists %I.%I cascade',
    case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence'
        when 'f' then 'foreign table' else 'table' end, n.nspname, c.relname)
from pg_catalog.pg_namespace n
join pg_catalog.pg_depend d on d.refclassid = 'pg_catalog.pg_namespace'::regclass and d.refobjid = n.oid
    and d.classid = 'pg_catalog.pg_class'::regclass and d.deptype = 'n'
join pg_catalog.pg_class c on c.oid = d.objid
where n.nspname = $1 and c.relkind in ('r', 'p', 'f', 'v', 'm', 'S')
order by c.relkind in ('v', 'm') desc, c.relispartition desc, c.relkind = 'S', c.oid
limit $2
