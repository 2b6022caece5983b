drop index tenantry.workers_refused;
delete from tenantry.workers where refused is not null;
alter table tenantry.workers drop column refused;
drop table tenantry.promises;
drop table tenantry.migration_texts;
drop table tenantry.master_keys;
alter table tenantry.installation drop column key_salt;
