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
