-- Scratch schemas and roles whose session is gone: the kind and the name, schemas first. A role that
-- another database needs is left there.
with marked (kind, name, description) as (
    select 'schema', n.nspname::text, d.description
    from pg_catalog.pg_namespace n
    join pg_catalog.pg_description d on d.objoid = n.oid
        and d.classoid = 'pg_catalog.pg_namespace'::regclass and d.objsubid = 0
    where n.nspname >= 'tn_promise_' and n.nspname < 'tn_promise`'
    union all
    select 'role', r.rolname::text, d.description
    from pg_catalog.pg_roles r
    join pg_catalog.pg_shdescription d on d.objoid = r.oid
        and d.classoid = 'pg_catalog.pg_authid'::regclass
    where starts_with(r.rolname, 'tn_') and not exists (
        select from pg_catalog.pg_shdepend s
        join pg_catalog.pg_database b on b.oid = s.dbid and b.datname <> current_database()
        where s.refclassid = 'pg_catalog.pg_authid'::regclass and s.refobjid = r.oid)
)
select m.kind, m.name
from marked m
where m.description ~ ('^tenantry:' || (select id from tenantry.installation) || ':scratch:[0-9]+$')
    and not exists (select from pg_catalog.pg_stat_activity a
        where a.pid::text = substring(m.description from '[0-9]+$'))
order by m.kind desc
