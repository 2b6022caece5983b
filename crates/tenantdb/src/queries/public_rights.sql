-- What PUBLIC may do with what the own mode takes from it: the database, schema public with its
-- routines, and, for a superuser, the functions of advisory locks and large objects. A right that
-- is not `ours` is another role's to revoke: neither the acting role's nor a superuser's who connected.
with object (class, name, owner, acl) as materialized (
    select 'database', format('database %I', d.datname), d.datdba,
        coalesce(d.datacl, acldefault('d', d.datdba))
    from pg_catalog.pg_database d
    where d.datname = current_database()
    union all
    select 'schema', 'schema public', n.nspowner, coalesce(n.nspacl, acldefault('n', n.nspowner))
    from pg_catalog.pg_namespace n
    where n.nspname = 'public'
    union all
    select case when p.pronamespace <> 'pg_catalog'::regnamespace then 'routine'
                when p.proname ~ 'advisory' then 'advisory lock' else 'large object' end,
        p.oid::regprocedure::text, p.proowner, coalesce(p.proacl, acldefault('f', p.proowner))
    from pg_catalog.pg_proc p
    where p.pronamespace = to_regnamespace('public')
        or p.pronamespace = 'pg_catalog'::regnamespace
            and (p.proname ~ '^pg_(try_)?advisory_' or p.proname ~ '^lo_'
                or p.proname in ('loread', 'lowrite'))
), held (class, name, privilege, owner, ours, acl) as materialized (
    select o.class, o.name, a.privilege_type, o.owner,
        pg_has_role(o.owner, 'usage') or (select r.rolsuper from pg_catalog.pg_roles r
                                          where r.rolname = session_user), o.acl
    from object o, aclexplode(o.acl) a
    where a.grantee = 0
)
