alter table tenantry.installation drop column mode;
