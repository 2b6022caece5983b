-- {schema} and {role} are quoted identifiers, {schema_text} and {role_text} the same as constants.
-- Relations are listed through pg_depend: pg_class has no index on the namespace, and
-- `grant … on all tables in schema` would read all of it.
grant usage on schema {schema} to {role};
alter default privileges in schema {schema} grant select, insert, update, delete on tables to {role};
alter default privileges in schema {schema} grant usage, select on sequences to {role};
alter default privileges in schema {schema} grant execute on functions to {role};
do {tag}
declare
    tables text;
    sequences text;
    routines text;
begin
    select string_agg(format('%s.%I', {schema_text}, c.relname), ', ')
               filter (where c.relkind in ('r', 'p', 'f', 'v', 'm') and c.relname <> 'tenantry_migrations'),
           string_agg(format('%s.%I', {schema_text}, c.relname), ', ') filter (where c.relkind = 'S'),
           string_agg(p.oid::regprocedure::text, ', ')
    into tables, sequences, routines
    from pg_catalog.pg_depend d
    left join pg_catalog.pg_class c
        on d.classid = 'pg_catalog.pg_class'::regclass and c.oid = d.objid
    left join pg_catalog.pg_proc p
        on d.classid = 'pg_catalog.pg_proc'::regclass and p.oid = d.objid
    where d.refclassid = 'pg_catalog.pg_namespace'::regclass
        and d.refobjid = to_regnamespace({schema_text});
    if tables is not null then
        execute 'grant select, insert, update, delete on ' || tables || ' to ' || {role_text};
    end if;
    if sequences is not null then
        execute 'grant usage, select on sequence ' || sequences || ' to ' || {role_text};
    end if;
    if routines is not null then
        execute 'grant execute on routine ' || routines || ' to ' || {role_text};
    end if;
    if to_regclass({schema_text} || '.tenantry_migrations') is not null then
        execute 'grant select on ' || {schema_text} || '.tenantry_migrations to ' || {role_text};
    end if;
end
{tag}
