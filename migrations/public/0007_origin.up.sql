-- The database that this installation lives in. A copy of the database takes the row along: it is
-- recognised because the remembered database is another one. Null until a process has seen it.
alter table tenantry.installation
    add column database_oid      bigint,
    add column database_name     text,
    -- null where the server keeps it to itself
    add column system_identifier bigint,
    -- the id of the original, while `tenantry restore adopt --copy` is under way
    add column adopted_from      text,
    add constraint installation_origin check ((database_oid is null) = (database_name is null));
