-- What each tenant has of the tenant migrations is one row here, and no longer a table in its schema.
-- A set is found by its hash, so its row never changes. Tenants name it without a foreign key: the check
-- of one would lock the set's row for every tenant that is made.
create table tenantry.migration_sets (
    hash text primary key,
    -- the files in their order
    versions text[] not null,
    descriptions text[] not null,
    checksums text[] not null,
    registered_at timestamptz not null default clock_timestamp(),
    check (cardinality(versions) = cardinality(descriptions)
        and cardinality(versions) = cardinality(checksums))
);

-- Applied to a tenant are the files of its set up to the version; none where that is null.
create table tenantry.tenant_migrations (
    tenant_id bigint primary key,
    set_hash text not null,
    version text,
    applied_at timestamptz not null default now()
);

-- The version table is no part of what a set makes.
update tenantry.promises p
set shape = (select coalesce(jsonb_object_agg(o.key, o.value), '{}')
             from jsonb_each(p.shape) o (key, value)
             where o.key !~ '^[a-z]+ tenantry_migrations($|\.)');

-- Column tenants.migration_version stays for workers of the release before, which finish what they have
-- begun. This release neither reads nor writes it.
