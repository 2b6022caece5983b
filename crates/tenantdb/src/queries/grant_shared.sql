-- One block. {group} is a string constant, {tables} a text[] of schema.table, {extensions} true or false.
-- Writes nothing when all is in place.
do $tenantry$
declare
    tenants text := {group};
    me text := current_user;
    target text;
    schema_name text;
    writable boolean;
    routine regprocedure;
begin
    -- a superuser may act as the owner of schema tenantry: rights that others gave are not that one's
    if (select r.rolsuper from pg_catalog.pg_roles r where r.rolname = session_user) then
        perform set_config('role', 'none', true);
    end if;
    if to_regnamespace('tenantry_extensions') is not null then
        if exists (select from pg_catalog.pg_namespace n, aclexplode(n.nspacl) a
                   where n.nspname = 'tenantry_extensions' and a.privilege_type = 'CREATE'
                       and a.grantee in (0, to_regrole(quote_ident(tenants))::oid)) then
            execute format('revoke create on schema tenantry_extensions from public, %I', tenants);
        end if;
        if {extensions} and not has_schema_privilege(tenants, 'tenantry_extensions', 'usage') then
            execute format('grant usage on schema tenantry_extensions to %I', tenants);
        end if;
        -- Functions that an extension lets everybody call, and that default privileges or a move from
        -- schema public closed: what the extension itself grants or revokes leaves a row in pg_init_privs.
        for routine in
            select p.oid from pg_catalog.pg_proc p
            where {extensions} and p.pronamespace = to_regnamespace('tenantry_extensions')
                and p.proacl is not null and not has_function_privilege(tenants, p.oid, 'execute')
                and pg_has_role(p.proowner, 'usage')
                and exists (select from pg_catalog.pg_depend d
                    where d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
                and not exists (select from pg_catalog.pg_init_privs i
                    where i.classoid = 'pg_catalog.pg_proc'::regclass and i.objoid = p.oid)
        loop
            execute format('grant execute on routine %s to %I', routine, tenants);
        end loop;
    end if;
    for target, schema_name, writable in
        select format('%I.%I', n.nspname, c.relname), n.nspname, c.relkind in ('r', 'p')
        from unnest({tables}) t
        join pg_catalog.pg_namespace n on n.nspname = split_part(t, '.', 1)
        join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = split_part(t, '.', 2)
    loop
        if not has_schema_privilege(me, schema_name, 'usage') then
            execute format('grant usage on schema %I to %I', schema_name, me);
        end if;
        if not has_table_privilege(me, target, 'select') then
            execute format('grant select on %s to %I', target, me);
        end if;
        if writable and not has_table_privilege(me, target, 'references') then
            execute format('grant references on %s to %I', target, me);
        end if;
        if not has_schema_privilege(tenants, schema_name, 'usage') then
            execute format('grant usage on schema %I to %I', schema_name, tenants);
        end if;
        if not has_table_privilege(tenants, target, 'select') then
            execute format('grant select on %s to %I', target, tenants);
        end if;
    end loop;
    perform set_config('role', me, true);
end
$tenantry$
