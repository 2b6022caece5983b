-- Follows public_rights.sql. Roles that are no tenants' (those bear a mark), may act in this
-- database, and have one of those rights through PUBLIC alone.
, stranger (oid, name, may_log_in) as materialized (
    select r.oid, r.rolname, r.rolcanlogin
    from pg_catalog.pg_roles r
    where not r.rolsuper and r.rolname !~ '^pg_'
        and not exists (select from pg_catalog.pg_shdescription d
            where d.objoid = r.oid and d.classoid = 'pg_catalog.pg_authid'::regclass
                and d.description like 'tenantry:%')
        and (r.rolcanlogin or exists (select from pg_catalog.pg_shdepend s, pg_catalog.pg_database d
            where d.datname = current_database()
                and s.refclassid = 'pg_catalog.pg_authid'::regclass and s.refobjid = r.oid
                and (s.dbid = d.oid or s.dbid = 0
                    and s.classid = 'pg_catalog.pg_database'::regclass and s.objid = d.oid)))
), lost as (
    select s.name as role, h.class, h.privilege, h.name
    from held h cross join stranger s
    where h.ours and (s.may_log_in or h.privilege <> 'CONNECT')
        and not exists (select from aclexplode(h.acl) a
            where a.grantee <> 0 and a.privilege_type = h.privilege
                and pg_has_role(s.oid, a.grantee, 'usage'))
)
select role::text, class, privilege,
    format('grant %s on %s%s to %I', privilege,
        case when class in ('database', 'schema') then '' else 'routine ' end,
        string_agg(name, ', '), role)
from lost
group by role, class, privilege
order by role, array_position(array['database', 'schema', 'routine'], class), class, privilege
