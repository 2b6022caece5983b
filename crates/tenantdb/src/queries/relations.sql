-- A row for each relation of the schema, its parts as arrays of `name`, tab, definition.
select 'relation', s.n, c.relname::text,
    concat_ws(' ', c.relkind, c.relpersistence, c.relrowsecurity, c.relforcerowsecurity,
        case c.relkind
            when 'v' then concat(c.reloptions, pg_get_viewdef(c.oid))
            when 'p' then pg_get_partkeydef(c.oid)
            when 'm' then pg_get_viewdef(c.oid)
            when 'S' then pg_sequence_parameters(c.oid)::text
        end,
        pg_get_expr(c.relpartbound, c.oid)),
    array(
        select concat_ws(' ', a.attname || e'\t',
            -- types of the server's own have the same number everywhere
            case when a.atttypid < 16384 then concat(a.atttypid, '/', a.atttypmod)
                 else format_type(a.atttypid, a.atttypmod) end,
            a.attnotnull, a.attidentity, a.attgenerated, nullif(nullif(a.attcollation, 0), 100)::regcollation,
            (select pg_get_expr(d.adbin, d.adrelid) from pg_attrdef d
             where a.atthasdef and d.adrelid = a.attrelid and d.adnum = a.attnum))
        from pg_attribute a
        where c.relkind <> 'S' and a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
    array(
        -- with the columns' names: a column that was dropped and added again has another number
        select concat_ws(' ', k.conname || e'\t', pg_get_constraintdef(k.oid), k.convalidated)
        from pg_constraint k where c.relkind <> 'S' and k.conrelid = c.oid
            -- from 18 on, what attnotnull says already
            and k.contype <> 'n'),
    array(
        select concat_ws(' ', i.relname || e'\t',
            -- the columns of a primary key are its constraint's
            case when x.indisprimary then i.reloptions::text else pg_get_indexdef(x.indexrelid) end,
            x.indisvalid)
        from pg_index x join pg_class i on i.oid = x.indexrelid where c.relhasindex and x.indrelid = c.oid),
    {triggers},
    {policies},
    {rules},
    c.relkind::text
from {subjects}
join pg_depend d on d.refclassid = 'pg_namespace'::regclass and d.refobjid = s.schema
join pg_class c on c.oid = d.objid
where d.deptype = 'n' and d.classid = 'pg_class'::regclass
