-- What every process of an installation must agree on: the master key, the text of each tenant
-- migration, and what the migrations make. A process that does not agree refuses to start.

-- The installation's own random value. Fingerprints of master keys are made with it.
alter table tenantry.installation add column key_salt uuid not null default gen_random_uuid();

-- The fingerprints of master keys, never the keys. Workers seal with the current one.
create table tenantry.master_keys (
    id         text primary key check (id ~ '^[0-9a-f]{16}$'),
    added_at   timestamptz not null default clock_timestamp(),
    retired_at timestamptz
);
create unique index master_keys_one_current on tenantry.master_keys ((true)) where retired_at is null;

-- The text of each tenant migration that a worker has loaded, as a checksum.
create table tenantry.migration_texts (
    version   bigint primary key,
    checksum  text not null,
    learnt_at timestamptz not null default clock_timestamp()
);

-- What a set of migrations made of an empty schema when it was first learnt.
create table tenantry.promises (
    -- the tenant database; `control` is the one these tables are in
    database      text not null default 'control',
    set_hash      text not null,
    server_major  int not null,
    -- changed with what the survey of a schema reads
    survey_format int not null,
    -- object -> definition
    shape         jsonb not null,
    learnt_at     timestamptz not null default clock_timestamp(),
    primary key (database, set_hash, server_major, survey_format)
);

-- Why a worker process could not start; null in the row of one that did.
alter table tenantry.workers add column refused text;
create index workers_refused on tenantry.workers (seen_at) where refused is not null;
