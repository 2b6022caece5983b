-- $1 schema. What keeps it from being imported, in sentences. Everything in it is found by the indexes of pg_depend
-- and pg_shdepend.
with s as (
    select n.oid, n.nspname, n.nspowner, d.description
    from (select $1::text as name) asked
    left join pg_catalog.pg_namespace n on n.nspname = asked.name
    left join pg_catalog.pg_description d on d.objoid = n.oid and d.objsubid = 0
        and d.classoid = 'pg_catalog.pg_namespace'::regclass
), member as materialized (
    select d.classid, d.objid
    from s join pg_catalog.pg_depend d
        on d.refclassid = 'pg_catalog.pg_namespace'::regclass and d.refobjid = s.oid and d.deptype = 'n'
), owned as (
    select 'schema ' || quote_ident(s.nspname) as what, s.nspowner as owner from s where s.oid is not null
    union all
    -- the server notes no owner for what the first superuser owns
    select pg_describe_object(m.classid, m.objid, 0), coalesce(o.refobjid, 10)
    from member m
    left join pg_catalog.pg_shdepend o on o.classid = m.classid and o.objid = m.objid and o.objsubid = 0
        and o.deptype = 'o'
        and o.dbid = (select oid from pg_catalog.pg_database where datname = current_database())
), refused (place, why) as (
    select 1, 'there is no such schema' from s where s.oid is null
    union all
    select 2, 'it bears the mark of a tenant: ' || s.description from s where starts_with(s.description, 'tenantry:')
    union all
    select 3, format('%s belongs to role %I, which %I cannot act as (run: grant %2$I to %3$I)', o.what,
               pg_get_userbyid(o.owner), current_user)
    from owned o
    where o.what is not null and not pg_has_role(current_user, o.owner, 'usage')
    union all
    select 4, format('%I may not become role %I, as which migrations of the schema run (run: grant %2$I to %1$I with set true)',
               session_user, pg_get_userbyid(s.nspowner))
    from s
    where pg_has_role(current_user, s.nspowner, 'usage')
      and not case when current_setting('server_version_num')::int >= 160000
                   then pg_has_role(session_user, s.nspowner, 'SET')
                   else pg_has_role(session_user, s.nspowner, 'MEMBER') end
    union all
    select 5, pg_describe_object(m.classid, m.objid, 0) || ' is part of '
               || pg_describe_object(e.refclassid, e.refobjid, 0)
    from member m
    join pg_catalog.pg_depend e on e.classid = m.classid and e.objid = m.objid and e.deptype = 'e'
    union all
    select 6, pg_describe_object(m.classid, m.objid, 0) || ' is shared by the whole database'
    from member m where m.classid = 'pg_catalog.pg_extension'::regclass
)
select why from refused where why is not null order by place, why limit 11
