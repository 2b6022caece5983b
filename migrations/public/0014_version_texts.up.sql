-- Versions of tenant migrations are texts, as their files spell them. Their order is their place in
-- the set of migrations, and no longer the order of numbers.
alter table tenantry.tenants alter column migration_version type text using migration_version::text;
alter table tenantry.spares alter column head type text using head::text;

alter table tenantry.migration_texts alter column version type text using version::text;
-- The place in the set that was learnt last, from 0. Sets that were learnt before had numbers alone.
alter table tenantry.migration_texts add column place int not null default 0;
update tenantry.migration_texts t set place = p.place
from (select version, row_number() over (order by version::bigint) - 1 as place
      from tenantry.migration_texts) p
where p.version = t.version;
