alter table tenantry.spares drop column fingerprint;
