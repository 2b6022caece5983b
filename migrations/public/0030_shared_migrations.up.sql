-- What the application's own schema has of the shared migrations, of which there is one: as a row of
-- tenant_migrations. No row: nothing was ever applied.
create table tenantry.shared_migrations (
    schema_name text not null,
    set_hash text not null,
    version text,
    applied_at timestamptz not null default now()
);
create unique index shared_migrations_one on tenantry.shared_migrations ((true));

-- The shared migration that each file of a set needs, in the order of its versions; null: none. Empty: none
-- of the set, or a release before this one registered it.
alter table tenantry.migration_sets add column needs_shared text[] not null default '{}',
    add check (cardinality(needs_shared) in (0, cardinality(versions)));
