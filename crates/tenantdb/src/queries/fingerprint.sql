-- A row for each schema: how many catalogue rows describe what is in it, and the sum of the
-- transactions that wrote them. Whatever adds, changes or removes an object changes one or the other.
-- VACUUM and ANALYZE keep both, and so does another name of the schema.
select s.n::int, coalesce(f.print, '')
from unnest({schemas}) with ordinality u (name, n),
    lateral (select u.n, to_regnamespace(u.name)::oid as schema offset 0) s
left join lateral (
    select concat_ws('/', count(*), sum(x.xmin::text::bigint)) as print
    from pg_depend d
    left join pg_class c on d.classid = 'pg_class'::regclass and c.oid = d.objid
    cross join lateral (
        select c.xmin where c.oid is not null
        union all
        select a.xmin from pg_attribute a where c.relkind <> 'S' and a.attrelid = c.oid and a.attnum > 0
        union all
        select i.xmin from pg_index i where c.relhasindex and i.indrelid = c.oid
        union all
        select r.xmin from pg_index i join pg_class r on r.oid = i.indexrelid
        where c.relhasindex and i.indrelid = c.oid
        union all
        select k.xmin from pg_constraint k where c.relkind in ('r', 'p', 'f') and k.conrelid = c.oid
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
        select '0'::xid where d.classid not in ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass,
            'pg_default_acl'::regclass)
    ) x (xmin)
    where d.refclassid = 'pg_namespace'::regclass and d.refobjid = s.schema
        and d.deptype in ('n', 'a')
) f on true
order by s.n
