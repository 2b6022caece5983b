-- A row for each schema: how many catalogue rows describe what is in it, the transaction that wrote the
-- schema's own row, and how much later than that the others were written, summed up. Whatever adds,
-- changes or removes an object changes one of them; VACUUM and ANALYZE keep all.
select u.n::int, coalesce(f.print, '')
from unnest({schemas}) with ordinality u (name, n)
left join lateral (select a.oid, a.xmin from pg_namespace a where a.nspname = u.name offset 0) s on true
left join lateral (
    select concat_ws('/', count(*), s.xmin, sum(age(s.xmin) - age(x.xmin))) as print
    from pg_depend d
    left join pg_class c on d.classid = 'pg_class'::regclass and c.oid = d.objid
    cross join lateral (
        select c.xmin where c.oid is not null
        union all
        select a.xmin from pg_attribute a where c.relkind <> 'S' and a.attrelid = c.oid and a.attnum > 0
        union all
        select r.xmin from pg_index i join pg_class r on r.oid = i.indexrelid
        where c.relhasindex and i.indrelid = c.oid
        union all
        -- those of other kinds are an index, or a column's own
        select k.xmin from pg_constraint k where (c.relchecks > 0 or c.relhastriggers) and k.conrelid = c.oid
        union all
        select t.xmin from pg_trigger t where c.relhastriggers and t.tgrelid = c.oid
        union all
        select r.xmin from pg_rewrite r where c.relhasrules and r.ev_class = c.oid
        union all
        select p.xmin from pg_policy p
        where (select exists (select from pg_policy)) and c.relkind in ('r', 'p') and p.polrelid = c.oid
        union all
        select q.xmin from pg_sequence q where c.relkind = 'S' and q.seqrelid = c.oid
        union all
        select p.xmin from pg_proc p where d.classid = 'pg_proc'::regclass and p.oid = d.objid
        union all
        select t.xmin from pg_type t where d.classid = 'pg_type'::regclass and t.oid = d.objid
        union all
        select e.xmin from pg_enum e where d.classid = 'pg_type'::regclass and e.enumtypid = d.objid
        union all
        select k.xmin from pg_constraint k where d.classid = 'pg_type'::regclass and k.contypid = d.objid
        union all
        select a.xmin from pg_default_acl a where d.classid = 'pg_default_acl'::regclass and a.oid = d.objid
        union all
        -- of what is rare, that it is there
        select s.xmin where d.classid not in ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass,
            'pg_default_acl'::regclass)
    ) x (xmin)
    where d.refclassid = 'pg_namespace'::regclass and d.refobjid = s.oid and d.deptype in ('n', 'a')
) f on s.oid is not null
order by u.n
