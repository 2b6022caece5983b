-- What grants.sql gave, taken back. Nothing happens when the schema or the role is gone.
do {tag}
declare
    target regclass;
    routine regprocedure;
begin
    if to_regnamespace({schema_text}) is null or to_regrole({role_text}) is null then
        return;
    end if;
    revoke all on schema {schema} from {role};
    alter default privileges in schema {schema} revoke all on tables from {role};
    alter default privileges in schema {schema} revoke all on sequences from {role};
    alter default privileges in schema {schema} revoke all on functions from {role};
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
