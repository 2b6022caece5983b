-- For PostgreSQL 16 and newer: runs commands on a role as the maker that made it, if one did.
-- What stands in braces is a string constant.
declare
    maker text;
begin
    select r.rolname into maker
    from pg_catalog.pg_auth_members m
    join pg_catalog.pg_roles r on r.oid = m.member
    where m.roleid = to_regrole({role})::oid and m.admin_option and starts_with(r.rolname, {makers})
    limit 1;
    if maker is null then
        execute {commands};
    elsif to_regprocedure(format('tenantry.%I(text)', maker)) is null then
        raise exception using errcode = '42501', message = format('the function of role %I is gone', maker),
            hint = 'run `tenantry migrate public up`';
    else
        execute format('select tenantry.%I($1)', maker) using {commands};
    end if;
end
