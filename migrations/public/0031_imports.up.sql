-- Schemas that were there before their tenants: what was found in each, to be given back. It goes with the tenant.
create table tenantry.imports (
    tenant_id    bigint primary key,
    operation_id uuid not null,
    -- the schema's comment, and who owned and could do what: see `imported.sql` of crate tenantdb
    found        jsonb not null check (jsonb_typeof(found) = 'object'),
    -- whether its table `tenant` got a row, which goes when the schema is given back
    own_row      boolean not null default false,
    -- whether a deletion was asked for that drops the schema, in place of giving it back
    drop_too     boolean not null default false,
    imported_at  timestamptz not null default clock_timestamp()
);
