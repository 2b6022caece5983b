-- Between two files, as at the COMMIT that other tools put there: what was deferred is checked now, since
-- a table with checks that wait cannot be altered. Then each constraint is again as it was made.
set constraints all immediate;
declare
    constraint_name text;
begin
    for constraint_name in
        select distinct quote_ident(k.conname)
        from pg_catalog.pg_depend d join pg_catalog.pg_constraint k on k.conrelid = d.objid
        where d.refclassid = 'pg_catalog.pg_namespace'::regclass
            and d.refobjid = to_regnamespace(quote_ident(current_schema()::text))::oid
            and d.classid = 'pg_catalog.pg_class'::regclass and k.condeferred
    loop
        execute 'set constraints ' || constraint_name || ' deferred';
    end loop;
end;
