-- What grants.sql gave, taken back. Nothing happens when the schema or the role is gone.
do {tag}
declare
    target regclass;
    routine regprocedure;
    maker text;
    later text;
begin
    if to_regnamespace({schema_text}) is null or to_regrole({role_text}) is null then
        return;
    end if;
    revoke all on schema {schema} from {role};
    -- of the connected role, and of the owner of a schema that was imported
    for maker in
        select current_user
        union
        select pg_get_userbyid(a.defaclrole)
        from pg_catalog.pg_default_acl a
        join pg_catalog.pg_namespace n on n.oid = a.defaclnamespace and n.nspowner = a.defaclrole
        where n.oid = to_regnamespace({schema_text}) and pg_has_role(n.nspowner, 'usage')
    loop
        later := format('alter default privileges for role %I in schema %s revoke all on ', maker, {schema_text});
        execute later || 'tables from ' || {role_text};
        execute later || 'sequences from ' || {role_text};
        execute later || 'functions from ' || {role_text};
    end loop;
    for target, routine in
        select c.oid, p.oid
        from pg_catalog.pg_depend d
        left join pg_catalog.pg_class c
            on d.classid = 'pg_catalog.pg_class'::regclass and c.oid = d.objid
                and c.relkind in ('r', 'p', 'f', 'v', 'm', 'S')
        left join pg_catalog.pg_proc p
            on d.classid = 'pg_catalog.pg_proc'::regclass and p.oid = d.objid
        where d.refclassid = 'pg_catalog.pg_namespace'::regclass
            and d.refobjid = to_regnamespace({schema_text})
    loop
        if target is not null then
            execute format('revoke all on %s from %s', target, {role_text});
        end if;
        if routine is not null then
            execute format('revoke all on routine %s from %s', routine, {role_text});
        end if;
    end loop;
end
{tag}
