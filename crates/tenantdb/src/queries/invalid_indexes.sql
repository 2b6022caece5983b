-- Invalid indexes of a schema: the one of this name, or else those that REINDEX CONCURRENTLY left.
select c.relname::text
from pg_catalog.pg_depend d
join pg_catalog.pg_index i on i.indrelid = d.objid
join pg_catalog.pg_class c on c.oid = i.indexrelid
where d.classid = 'pg_catalog.pg_class'::regclass
    and d.refclassid = 'pg_catalog.pg_namespace'::regclass
    and d.refobjid = to_regnamespace(quote_ident($1))
    and not i.indisvalid and c.relkind = 'i'
    and case when $2::text is null then c.relname ~ '_cc(new|old)[0-9]*$'
        else c.relname = $2::name end
