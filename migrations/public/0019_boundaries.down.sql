alter table tenantry.promises drop column boundaries;
