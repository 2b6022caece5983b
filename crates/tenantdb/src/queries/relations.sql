-- A row for each relation of the schema, its parts as arrays of `name`, tab, definition.
select 'relation', s.n, c.relname::text,
    concat_ws(' ',
        case c.relpersistence when 'u' then 'unlogged' when 't' then 'temporary' end,
        case when c.relrowsecurity then 'row level security' end,
        case when c.relforcerowsecurity then 'forced' end,
        case when c.relreplident <> 'd' and c.relkind in ('r', 'p') then 'replica identity ' || c.relreplident::text end,
        -- how it is vacuumed is the operator's to tune, and what is gathered of its columns
        (select 'with ' || array_agg(o)::text from unnest(c.reloptions) o where o not like '%vacuum%'),
        case c.relkind
            when 'v' then pg_get_viewdef(c.oid)
            when 'p' then 'partition by ' || pg_get_partkeydef(c.oid)
            when 'm' then pg_get_viewdef(c.oid)
            when 'S' then pg_sequence_parameters(c.oid)::text
        end,
        pg_get_expr(c.relpartbound, c.oid)),
    array(
        select concat_ws(' ', a.attname || e'\t', format_type(a.atttypid, a.atttypmod),
            case when a.attnotnull then 'not null' end,
            case a.attidentity when 'a' then 'identity always' when 'd' then 'identity' end,
            case when a.attgenerated <> '' then 'generated' end,
            'collate ' || nullif(nullif(a.attcollation, 0), 100)::regcollation::text,
            -- of types that are not stored in this way by themselves
            'storage ' || nullif(a.attstorage::text, case when a.attlen = -1 then 'x' else 'p' end),
            'compression ' || nullif(a.attcompression::text, ''),
            case when a.attinhcount > 0 then 'inherited' end,
            'default ' || (select pg_get_expr(d.adbin, d.adrelid) from pg_attrdef d
             where a.atthasdef and d.adrelid = a.attrelid and d.adnum = a.attnum))
        from pg_attribute a
        where c.relkind <> 'S' and a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
    array(
        -- with the columns' names: a column that was dropped and added again has another number
        select k.conname || e'\t' || pg_get_constraintdef(k.oid)
        from pg_constraint k where c.relkind <> 'S' and k.conrelid = c.oid
            -- from 18 on, what attnotnull says already
            and k.contype <> 'n'),
    array(
        select concat_ws(' ', i.relname || e'\t',
            -- the columns of a primary key are its constraint's
            case when x.indisprimary then i.reloptions::text else pg_get_indexdef(x.indexrelid) end,
            case when x.indisreplident then 'replica identity' end,
            case when not x.indisvalid then 'invalid' end)
        from pg_index x join pg_class i on i.oid = x.indexrelid where c.relhasindex and x.indrelid = c.oid),
    {triggers},
    {policies},
    {rules},
    c.relkind::text
from {subjects}
join pg_depend d on d.refclassid = 'pg_namespace'::regclass and d.refobjid = s.schema
join pg_class c on c.oid = d.objid
where d.deptype = 'n' and d.classid = 'pg_class'::regclass
