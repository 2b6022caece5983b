-- For PostgreSQL 16 and newer: lets the owner of schema tenantry use the tenants' group and every maker,
-- and makes anew the functions of makers that lost theirs. {group} and {makers} are string constants.
-- Writes nothing when all is in place.
do {tag}
declare
    before text := current_setting('role');
    me text := current_user;
    owner text := (select pg_get_userbyid(nspowner) from pg_catalog.pg_namespace where nspname = 'tenantry');
    group_id oid := to_regrole(quote_ident({group}))::oid;
    maker text;
    maker_id oid;
    runner regprocedure;
    to_owner constant text := 'grant %I to %I with admin true, inherit false, set false';
begin
    if (select r.rolsuper from pg_catalog.pg_roles r where r.rolname = owner) then
        return; -- it needs no maker
    end if;
    if not pg_has_role(owner, group_id, 'member with admin option') then
        execute format(to_owner, {group}, owner);
    end if;
    for maker, maker_id in
        select r.rolname, r.oid from pg_catalog.pg_roles r
        where r.rolname >= {makers}::name and r.rolname < ({makers} || '~')::name order by r.rolname
    loop
        if not pg_has_role(owner, maker_id, 'member with admin option') then
            execute format(to_owner, maker, owner);
        end if;
        if not exists (select from pg_catalog.pg_auth_members m
                       where m.member = maker_id and m.roleid = group_id and m.admin_option) then
            execute format(to_owner, {group}, maker);
        end if;
        runner := to_regprocedure(format('tenantry.%I(text)', maker));
        continue when has_function_privilege(owner, runner::oid, 'execute');
        -- what belongs to the maker is changed as the maker
        execute format('grant %I to %I with set true, inherit false', maker, me);
        execute format('grant usage, create on schema tenantry to %I', maker);
        perform set_config('role', maker, true);
        if runner is null then
            execute format('create function tenantry.%I(commands text) returns void language plpgsql '
                'security definer set search_path = pg_catalog, pg_temp as %L',
                maker, 'begin execute commands; end');
            execute format('revoke all on function tenantry.%I(text) from public', maker);
        end if;
        execute format('grant execute on function tenantry.%I(text) to %I', maker, owner);
        perform set_config('role', before, true);
        execute format('revoke usage, create on schema tenantry from %I', maker);
        execute format('revoke set option for %I from %I', maker, me);
    end loop;
end
{tag}
