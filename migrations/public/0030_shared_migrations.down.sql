alter table tenantry.migration_sets drop column needs_shared;
drop table tenantry.shared_migrations;
