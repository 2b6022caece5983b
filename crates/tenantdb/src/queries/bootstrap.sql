-- One block, so that it is one message. {group} and {mark} are string constants, {own} is true or
-- false, {grants} are statements. Writes nothing when all is in place.
do {tag}
declare
    role_group text := {group};
    mark text := {mark};
    own boolean := {own};
    db text := current_database();
    me text := current_user;
    held text;
    functions text;
begin
    if to_regrole(quote_ident(role_group)) is null then
        begin
            execute format('create role %I nologin nosuperuser nocreatedb nocreaterole noreplication nobypassrls', role_group);
            execute format('comment on role %I is %L', role_group, mark);
        exception when duplicate_object or unique_violation then
            null; -- another database of this cluster made it in this moment
        end;
    end if;
    select description into held from pg_catalog.pg_shdescription
    where objoid = to_regrole(quote_ident(role_group)) and classoid = 'pg_catalog.pg_authid'::regclass;
    if held is distinct from mark then
        raise exception using errcode = 'TN010', message = 'the group role is not marked as ours';
    end if;

    -- a superuser may act as the owner of schema tenantry: rights that others gave are not that one's
    if (select r.rolsuper from pg_catalog.pg_roles r where r.rolname = session_user) then
        perform set_config('role', 'none', true);
    end if;
    -- by name, so that it does not depend on PUBLIC; shared, the database may be another role's
    if exists (select from pg_catalog.pg_database d
               where d.datname = db and (own or pg_has_role(d.datdba, 'usage'))
                   and not exists (select from aclexplode(d.datacl) a
                       where a.grantee = to_regrole(quote_ident(role_group))::oid
                           and a.privilege_type = 'CONNECT')) then
        execute format('grant connect on database %I to %I', db, role_group);
    end if;
    if not own then
        perform set_config('role', me, true);
        return;
    end if;

    {grants}
    if exists (select from pg_catalog.pg_database d,
                   aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
               where d.datname = db and a.grantee = 0) then
        execute format('revoke all on database %I from public', db);
    end if;
    if exists (select from pg_catalog.pg_namespace n,
                   aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
               where n.nspname = 'public' and a.grantee = 0) then
        revoke all on schema public from public;
    end if;
    -- functions that extensions put there: what we may not revoke stays behind the schema's lock
    if exists (select from pg_catalog.pg_namespace n
               join pg_catalog.pg_proc p on p.pronamespace = n.oid,
                   aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
               where n.nspname = 'public' and a.grantee = 0
                   and pg_has_role(p.proowner, 'usage')) then
        revoke execute on all routines in schema public from public;
    end if;
    -- advisory locks and large objects: a superuser's to revoke
    select string_agg(p.oid::regprocedure::text, ', ') into functions
    from pg_catalog.pg_proc p
    where p.pronamespace = 'pg_catalog'::regnamespace
        and (p.proname ~ '^pg_(try_)?advisory_' or p.proname ~ '^lo_'
            or p.proname in ('loread', 'lowrite'))
        and pg_has_role(p.proowner, 'usage')
        and exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
                    where a.grantee = 0);
    if functions is not null then
        execute format('revoke execute on function %s from public', functions);
    end if;
    perform set_config('role', me, true);
    if not exists (select from pg_catalog.pg_default_acl a
                   where a.defaclrole = to_regrole(quote_ident(current_user))::oid and a.defaclnamespace = 0
                       and a.defaclobjtype = 'f'
                       and not exists (select from aclexplode(a.defaclacl) x where x.grantee = 0)) then
        alter default privileges revoke execute on functions from public;
    end if;

    if exists (select from pg_catalog.pg_database d,
                   aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
               where d.datname = db and a.grantee = 0)
        or exists (select from pg_catalog.pg_namespace n,
                       aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
                   where n.nspname = 'public' and a.grantee = 0)
        or not has_database_privilege(role_group, db, 'connect') then
        raise exception using errcode = 'TN011', message = 'the rights of PUBLIC are not ours to revoke';
    end if;
end
{tag}
