-- Every object of schema $1 with its definition, by name. All of it is reached through
-- pg_depend and indexes on an owner's oid: the cost is that of this schema alone.
-- Names become oids by to_reg*, which never reads a catalogue whole, as a join with a catalogue
-- that was small when the statement was planned would go on to do.
with part as materialized (
    select d.classid, d.objid
    from pg_catalog.pg_depend d
    where d.refclassid = 'pg_catalog.pg_namespace'::regclass
        and d.refobjid = to_regnamespace(quote_ident($1)) and d.deptype = 'n'
),
relation as materialized (
    select c.oid, c.relname, c.relkind, c.relpersistence, c.relrowsecurity, c.relforcerowsecurity,
        c.relhastriggers, c.relhasindex
    from part
    join pg_catalog.pg_class c on c.oid = part.objid
    where part.classid = 'pg_catalog.pg_class'::regclass
)
select 'relation ' || relname as object,
    concat_ws(' ', relkind, relpersistence, relrowsecurity, relforcerowsecurity,
        case when relkind in ('v', 'm') then pg_get_viewdef(oid, true) end) as definition
from relation
union all
select 'column ' || r.relname || '.' || a.attname,
    concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
        case when a.attcollation <> 100 then nullif(a.attcollation, 0)::regcollation::text end,
        pg_get_expr(d.adbin, d.adrelid))
from relation r
join pg_catalog.pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
left join pg_catalog.pg_attrdef d on a.atthasdef and d.adrelid = a.attrelid and d.adnum = a.attnum
where r.relkind in ('r', 'p', 'f', 'v', 'm')
union all
select 'constraint ' || r.relname || '.' || c.conname,
    concat_ws(' ', pg_get_constraintdef(c.oid), c.convalidated)
from relation r
join pg_catalog.pg_constraint c on c.conrelid = r.oid
where r.relkind in ('r', 'p', 'f')
union all
select 'index ' || i.relname,
    concat_ws(' ', pg_get_indexdef(x.indexrelid), x.indisvalid)
from relation r
join pg_catalog.pg_index x on x.indrelid = r.oid
join pg_catalog.pg_class i on i.oid = x.indexrelid
where r.relhasindex
union all
select 'trigger ' || r.relname || '.' || t.tgname,
    concat_ws(' ', pg_get_triggerdef(t.oid), t.tgenabled)
from relation r
join pg_catalog.pg_trigger t on t.tgrelid = r.oid and not t.tgisinternal
where r.relhastriggers
union all
select 'policy ' || r.relname || '.' || p.polname,
    concat_ws(' ', p.polcmd, p.polpermissive, pg_get_expr(p.polqual, p.polrelid),
        pg_get_expr(p.polwithcheck, p.polrelid))
from relation r
join pg_catalog.pg_policy p on p.polrelid = r.oid
where r.relkind in ('r', 'p')
union all
select 'sequence ' || r.relname,
    concat_ws(' ', format_type(s.data_type, null), s.start_value, s.increment, s.minimum_value,
        s.maximum_value, s.cycle_option)
from relation r, pg_sequence_parameters(r.oid) s
where r.relkind = 'S'
union all
select 'function ' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
    concat_ws(' ', p.prokind, p.provolatile, p.prosecdef, p.proisstrict, p.prolang, p.proconfig,
        pg_get_function_result(p.oid), coalesce(pg_get_function_sqlbody(p.oid), p.prosrc))
from part
join pg_catalog.pg_proc p on p.oid = part.objid
where part.classid = 'pg_catalog.pg_proc'::regclass
union all
select 'type ' || t.typname,
    concat_ws(' ', t.typtype, t.typnotnull, format_type(nullif(t.typbasetype, 0), t.typtypmod), t.typdefault,
        (select string_agg(quote_literal(e.enumlabel), ',' order by e.enumsortorder)
         from pg_catalog.pg_enum e where e.enumtypid = t.oid),
        (select string_agg(pg_get_constraintdef(c.oid), ',' order by c.conname)
         from pg_catalog.pg_constraint c where c.contypid = t.oid),
        (select string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ',' order by a.attnum)
         from pg_catalog.pg_attribute a where a.attrelid = nullif(t.typrelid, 0) and a.attnum > 0 and not a.attisdropped))
from part
join pg_catalog.pg_type t on t.oid = part.objid
where part.classid = 'pg_catalog.pg_type'::regclass
