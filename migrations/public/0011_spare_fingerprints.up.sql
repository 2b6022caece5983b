-- What a spare's catalogue rows looked like when it was built: a spare that was changed since is given
-- to no tenant. Those built before have none, and are replaced.
alter table tenantry.spares add column fingerprint text not null default '';
