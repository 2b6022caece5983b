-- A row for each spare: how many catalogue rows describe what is in its schema, the transaction that wrote the
-- schema's own row, and how much later than that the others were written, summed up; then a hash of its role, and the
-- same sums over what the role is a member of, who is a member of it, its settings, and what it has rights on.
-- Whatever adds, changes or removes one of them changes the text; VACUUM and ANALYZE keep it. The OFFSETs: each is
-- looked up by its key, and not in a hash of all there are.
select u.n::int, concat_ws('/', f.print, o.print)
from unnest({schemas}, {roles}) with ordinality u (schema, role, n)
left join lateral (select a.oid, a.xmin from pg_namespace a where a.nspname = u.schema offset 0) s on true
left join lateral (
    select concat_ws('/', count(*), s.xmin, sum(age(s.xmin) - age(x.xmin))) as print
    from pg_depend d
    left join lateral (select a.oid, a.xmin, a.relkind, a.relhasindex, a.relchecks, a.relhastriggers, a.relhasrules
        from pg_class a where d.classid = 'pg_class'::regclass and a.oid = d.objid offset 0) c on true
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
left join lateral (select a.oid, a::text as text from pg_roles a where a.rolname = u.role offset 0) r on true
left join lateral (
    select concat_ws('/', encode(sha256(convert_to(r.text, 'UTF8')), 'hex'), count(*), sum(age(s.xmin) - age(x.xmin)))
        as print
    from (
        select m.xmin from pg_auth_members m where m.roleid = r.oid
        union all
        select m.xmin from pg_auth_members m where m.member = r.oid
        union all
        select c.xmin from pg_db_role_setting c
        where c.setdatabase = (select oid from pg_database where datname = current_database()) and c.setrole = r.oid
        union all
        select d.xmin from pg_shdepend d where d.refclassid = 'pg_authid'::regclass and d.refobjid = r.oid
    ) x (xmin)
) o on r.oid is not null
order by u.n
