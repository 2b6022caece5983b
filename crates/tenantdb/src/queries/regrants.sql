-- What grants.rs gives by the promise, given by what is there. What stands in braces is a name, or a
-- string constant that holds one. A schema that was imported keeps its owner, who makes what comes later.
do {tag}
declare
    target regclass;
    kind "char";
    routine regprocedure;
    maker text := current_user;
    imported boolean := false;
    later text;
begin
    select true, pg_get_userbyid(n.nspowner) into imported, maker
    from pg_catalog.pg_namespace n
    join pg_catalog.pg_description d on d.objoid = n.oid and d.classoid = 'pg_catalog.pg_namespace'::regclass
        and d.objsubid = 0 and d.description ~ '^tenantry:.*:imported$'
    where n.oid = to_regnamespace({schema_text});
    maker := coalesce(maker, current_user);
    grant usage on schema {schema} to {role};
    later := format('alter default privileges for role %I in schema %s grant ', maker, {schema_text});
    execute later || 'select, insert, update, delete on tables to ' || {role_text};
    execute later || 'usage, select on sequences to ' || {role_text};
    execute later || 'execute on functions to ' || {role_text};
    for target, kind, routine in
        select c.oid, c.relkind, p.oid
        from pg_catalog.pg_depend d
        left join pg_catalog.pg_class c
            on d.classid = 'pg_catalog.pg_class'::regclass and c.oid = d.objid
                and c.relkind in ('r', 'p', 'f', 'v', 'm', 'S')
        left join pg_catalog.pg_proc p
            on d.classid = 'pg_catalog.pg_proc'::regclass and p.oid = d.objid
        where d.refclassid = 'pg_catalog.pg_namespace'::regclass
            and d.refobjid = to_regnamespace({schema_text}) and d.deptype = 'n'
    loop
        if routine is not null then
            execute format('grant execute on routine %s to %s', routine, {role_text});
            if imported then
                execute format('revoke all on routine %s from public', routine);
            end if;
        elsif kind = 'S' then
            execute format('grant usage, select on sequence %s to %s', target, {role_text});
        elsif target is not null then
            execute format('grant select, insert, update, delete on %s to %s', target, {role_text});
        end if;
    end loop;
end
{tag}
