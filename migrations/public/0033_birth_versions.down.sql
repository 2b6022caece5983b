drop table tenantry.birth_versions;
