-- What grants.rs gives by the promise, given by what is there. What stands in braces is a name, or a
-- string constant that holds one.
do {tag}
declare
    target regclass;
    kind "char";
    routine regprocedure;
begin
    grant usage on schema {schema} to {role};
    alter default privileges in schema {schema} grant select, insert, update, delete on tables to {role};
    alter default privileges in schema {schema} grant usage, select on sequences to {role};
    alter default privileges in schema {schema} grant execute on functions to {role};
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
        elsif kind = 'S' then
            execute format('grant usage, select on sequence %s to %s', target, {role_text});
        elsif target is not null then
            execute format('grant select, insert, update, delete on %s to %s', target, {role_text});
        end if;
    end loop;
end
{tag}
