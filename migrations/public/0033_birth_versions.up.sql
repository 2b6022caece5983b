-- Which version of the tenant migrations new tenants are given: that of the row that came into force last.
create table tenantry.birth_versions (
    id bigint generated always as identity primary key,
    -- the place, as in tenant_migrations
    set_hash text not null,
    version text,
    -- The migration of all tenants that goes there; null: of none, or of one that is no longer kept.
    operation_id uuid unique references tenantry.operations (id) on delete set null,
    -- null: not yet, or taken back
    in_force_since timestamptz,
    -- Tenants made since then may have been given another version; null: they have been seen to.
    made_since timestamptz
);
create index birth_versions_in_force on tenantry.birth_versions (in_force_since)
    where in_force_since is not null;
