-- What the tenant's own application needs to know of its tenant.
create table tenant (
    id          bigint primary key,
    name        text not null,
    domain      text not null unique,
    settings    jsonb not null default '{}',
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now()
);
