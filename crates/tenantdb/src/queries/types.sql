select 'definition', s.n, 'type ' || format_type(t.oid, null),
    concat_ws(' ', t.typtype, t.typnotnull, format_type(nullif(t.typbasetype, 0), t.typtypmod), t.typdefault,
        (select string_agg(quote_literal(e.enumlabel), ',' order by e.enumsortorder)
         from pg_enum e where e.enumtypid = t.oid),
        (select string_agg(pg_get_constraintdef(k.oid), ',' order by k.conname)
         from pg_constraint k where k.contypid = t.oid),
        (select string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ',' order by a.attnum)
         from pg_attribute a
         where a.attrelid = nullif(t.typrelid, 0) and a.attnum > 0 and not a.attisdropped))
from {subjects}
join pg_depend d on d.refclassid = 'pg_namespace'::regclass and d.refobjid = s.schema
join pg_type t on t.oid = d.objid
where d.deptype = 'n' and d.classid = 'pg_type'::regclass
