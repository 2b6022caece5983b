-- Statements, one for each ascending sequence of a column that an index begins with: each says whether
-- the sequence's next value is taken. The index makes the look-up cheap, however large the table.
select format(
    'select %1$L, %2$L, t.top, s.next from (select max(%3$I) as top from %4$s) t,
         (select case when is_called then last_value + %5$s else last_value end as next from %6$s) s
     where t.top >= s.next',
    c.relname, format('%s.%s', r.relname, a.attname), a.attname, r.oid::regclass, q.seqincrement, c.oid::regclass)
from pg_depend d
join pg_class c on c.oid = d.objid and c.relkind = 'S'
join pg_sequence q on q.seqrelid = c.oid and q.seqincrement > 0
join pg_depend o on o.classid = 'pg_class'::regclass and o.objid = c.oid
    and o.refclassid = 'pg_class'::regclass and o.refobjsubid > 0 and o.deptype in ('a', 'i')
join pg_class r on r.oid = o.refobjid
join pg_attribute a on a.attrelid = r.oid and a.attnum = o.refobjsubid
where d.refclassid = 'pg_namespace'::regclass and d.refobjid = to_regnamespace(quote_ident($1))::oid
    and d.classid = 'pg_class'::regclass and d.deptype = 'n'
    and exists (select from pg_index i where i.indrelid = r.oid and i.indkey[0] = a.attnum and i.indpred is null)
