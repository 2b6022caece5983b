-- A row for each reason why role $1 cannot be the application's, with the statement that helps.
select reason.told
from (values ($1::text)) a (name)
left join pg_catalog.pg_roles r on r.rolname = a.name
cross join lateral (
    select coalesce((select n.nspowner from pg_catalog.pg_namespace n where n.nspname = 'tenantry'),
        to_regrole(quote_ident(current_user))::oid)
) o (owner)
cross join lateral (values
    (1, r.oid is null,
        format('role %I does not exist (run: create role %I login noinherit)', a.name, a.name)),
    (2, r.rolsuper,
        format('role %I is a superuser, and no right is refused to one (run: alter role %I nosuperuser)', a.name, a.name)),
    (3, exists (select from pg_catalog.pg_shdescription d
            where d.objoid = r.oid and d.classoid = 'pg_catalog.pg_authid'::regclass
                and starts_with(d.description, 'tenantry:')),
        format('role %I is one of Tenantry''s own', a.name)),
    (4, not r.rolsuper and pg_has_role(r.oid, o.owner, 'member'),
        case r.oid when o.owner
            then format('role %I owns schema tenantry, and with it all tenants: make another role for the application', a.name)
            else format('role %I is a member of %s, who owns schema tenantry (run: revoke %s from %I)',
                a.name, o.owner::regrole, o.owner::regrole, a.name) end),
    (5, not r.rolsuper and r.rolinherit and current_setting('server_version_num')::int < 160000,
        format('before PostgreSQL 16 role %I would have the rights of all tenants at once (run: alter role %I noinherit)', a.name, a.name)),
    (6, r.rolcanlogin and not has_database_privilege(r.oid, current_database(), 'connect'),
        format('role %I may not connect to database %I (run: grant connect on database %I to %I)',
            a.name, current_database(), current_database(), a.name))
) reason (n, holds, told)
where reason.holds
order by reason.n
