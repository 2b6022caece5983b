-- Releases before this migration read numbers from tenants' version tables. All in this transaction:
-- each table takes four places in the server's table of locks.
do $$
declare
    t record;
    odd text;
begin
    for t in
        select n.nspname as schema_name
        from tenantry.tenants r
        join pg_catalog.pg_namespace n on n.nspname = r.schema_name
        join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = 'tenantry_migrations'
            and c.relkind = 'r'
        join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = 'version'
            and a.atttypid = 'varchar'::regtype
        where r.state not in ('deleted', 'released')
    loop
        execute format('select version from %I.tenantry_migrations where version !~ $1 limit 1', t.schema_name)
            into odd using '^[0-9]{1,18}$';
        if odd is not null then
            raise exception 'schema %: version "%" is not a number, which releases before this migration need',
                t.schema_name, odd;
        end if;
        execute format('alter table %I.tenantry_migrations alter column version type bigint
            using version::bigint', t.schema_name);
    end loop;
end
$$;

-- What is no plain number has no place in these columns: the version is then unknown, and the next
-- `tenantry migrate tenant up --all` records it.
alter table tenantry.tenants alter column migration_version type bigint
    using case when migration_version ~ '^[0-9]{1,18}$' then migration_version::bigint end;
delete from tenantry.migration_texts where version !~ '^[0-9]{1,18}$';
alter table tenantry.migration_texts drop column place,
    alter column version type bigint using version::bigint;
-- a spare of an unknown version is an old one: the keeper drops it
alter table tenantry.spares alter column head type bigint
    using case when head ~ '^[0-9]{1,18}$' then head::bigint else 0 end;
