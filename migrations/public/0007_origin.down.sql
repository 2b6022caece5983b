alter table tenantry.installation
    drop constraint installation_origin,
    drop column adopted_from,
    drop column system_identifier,
    drop column database_name,
    drop column database_oid;
