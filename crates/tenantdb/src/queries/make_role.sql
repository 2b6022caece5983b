-- For PostgreSQL 16 and newer: runs commands that make roles, as a maker that has room if the
-- connected role is no superuser. What stands in braces is a number or a string constant.
declare
    me text := current_user;
    maker text;
    made bigint;
    alone boolean := false;
begin
    if (select r.rolsuper from pg_catalog.pg_roles r where r.rolname = me) then
        execute {commands};
        return;
    end if;
    loop
        select r.rolname,
            (select count(*) from (select from pg_catalog.pg_auth_members m
                                   where m.member = r.oid limit {most}) made_by_it)
        into maker, made
        from pg_catalog.pg_roles r
        where r.rolname >= {makers}::name and r.rolname < ({makers} || '~')::name
            -- one that I may use, and that may do all that it is there for
            and r.rolcreaterole
            and has_function_privilege(to_regprocedure(format('tenantry.%I(text)', r.rolname))::oid, 'execute')
            and exists (select from pg_catalog.pg_auth_members g where g.member = r.oid
                        and g.roleid = to_regrole(quote_ident({group}))::oid and g.admin_option)
        order by r.rolname desc limit 1;
        exit when made < {most};
        if alone then
            select r.rolname into maker from pg_catalog.pg_roles r
            where r.rolname >= {makers}::name and r.rolname < ({makers} || '~')::name
            order by r.rolname desc limit 1;
            maker := {makers} || to_char(coalesce(right(maker, 6)::int, 0) + 1, 'FM000000');
            perform set_config('createrole_self_grant', 'set', true);
            execute format('create role %I nologin createrole nosuperuser nocreatedb noreplication nobypassrls', maker);
            execute format('comment on role %I is %L', maker, {mark});
            execute format('grant %I to %I with admin true, inherit false, set false', {group}, maker);
            execute format('grant usage, create on schema tenantry to %I', maker);
            execute format('set local role %I', maker);
            execute format('create function tenantry.%I(commands text) returns void language plpgsql '
                'security definer set search_path = pg_catalog, pg_temp as %L',
                maker, 'begin execute commands; end');
            execute format('revoke all on function tenantry.%I(text) from public', maker);
            execute format('grant execute on function tenantry.%I(text) to %I', maker, me);
            execute format('set local role %I', me);
            -- of what it takes to make a maker, only that it may make tenants' roles stays
            execute format('revoke usage, create on schema tenantry from %I', maker);
            execute format('revoke %I from %I granted by %I', maker, me, me);
            perform set_config('createrole_self_grant', '', true);
            exit;
        end if;
        perform from tenantry.leases where name = 'makers' for update;
        alone := true;
    end loop;
    execute format('select tenantry.%I($1)', maker) using {commands};
end
