-- One block. {group} is a string constant. A superuser revokes as the owner of each object too.
do $tenantry$
declare
    tenants text := {group};
    me text := current_user;
    super boolean := (select r.rolsuper from pg_catalog.pg_roles r where r.rolname = session_user);
    revoke text;
    actor text;
begin
    for revoke, actor in
        select format('revoke all on %s %s from %I',
            case s.classid when 'pg_catalog.pg_namespace'::regclass then 'schema'
                when 'pg_catalog.pg_proc'::regclass then 'routine' else 'table' end,
            (pg_identify_object(s.classid, s.objid, 0)).identity, tenants), a.name
        from pg_catalog.pg_shdepend s
        join pg_catalog.pg_database b on b.oid = s.dbid and b.datname = current_database()
        cross join lateral (select me union all select 'none' where super) a (name)
        where s.refclassid = 'pg_catalog.pg_authid'::regclass
            and s.refobjid = to_regrole(quote_ident(tenants))::oid and s.deptype = 'a' and s.objsubid = 0
            and s.classid in ('pg_catalog.pg_namespace'::regclass, 'pg_catalog.pg_proc'::regclass,
                'pg_catalog.pg_class'::regclass)
    loop
        begin
            perform set_config('role', actor, true);
            execute revoke;
        exception when insufficient_privilege then
            null; -- another role gave it
        end;
    end loop;
    perform set_config('role', me, true);
end
$tenantry$
