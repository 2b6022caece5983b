-- How each tenant was when it was last looked at, and when it is to be looked at again. A look holds nothing:
-- whoever takes a tenant moves `next_due` or `taken_at` on, so that no other looks at it meanwhile, and one
-- that dies leaves it to others after a while.
create table tenantry.tenant_checks (
    tenant_id       bigint primary key references tenantry.tenants (id) on delete cascade,
    enrolled_at     timestamptz not null default now(),
    next_due        timestamptz not null,
    -- a caller waits for a look that begins no earlier
    asked_at        timestamptz,
    taken_at        timestamptz,
    -- when the last look began
    checked_at      timestamptz,
    duration_ms     integer,
    schema_valid    boolean,
    db_accessible   boolean,
    overall_health  text check (overall_health in ('healthy', 'unhealthy', 'error')),
    -- [{code, message}]
    reasons         jsonb not null default '[]' check (jsonb_typeof(reasons) = 'array'),
    check ((checked_at is null) = (overall_health is null))
);
create index tenant_checks_due on tenantry.tenant_checks (next_due);
create index tenant_checks_asked on tenantry.tenant_checks (asked_at) where asked_at is not null;
create index tenant_checks_oldest on tenantry.tenant_checks ((coalesce(checked_at, enrolled_at)));
create index tenant_checks_unwell on tenantry.tenant_checks (overall_health)
    where overall_health in ('unhealthy', 'error');

-- What the scheduled looks found, and whether it is still so. `tenant_id` says whose it is, so that it goes
-- with the tenant; it may be one that the registry does not know.
create table tenantry.findings (
    id            bigint generated always as identity primary key,
    kind          text not null,
    subject_type  text not null,
    subject_id    text not null,
    tenant_id     bigint,
    sentence      text not null,
    fixable       boolean not null,
    first_seen    timestamptz not null default now(),
    last_seen     timestamptz not null default now(),
    closed_at     timestamptz
);
create unique index findings_open on tenantry.findings (subject_type, subject_id, kind) where closed_at is null;
-- each list in its order
create index findings_open_by_kind on tenantry.findings (kind, id) where closed_at is null;
create index findings_open_by_id on tenantry.findings (id) where closed_at is null;
create index findings_closed_by_kind on tenantry.findings (kind, id) where closed_at is not null;
create index findings_closed_by_id on tenantry.findings (id) where closed_at is not null;
create index findings_by_tenant on tenantry.findings (tenant_id, id) where tenant_id is not null;
create index findings_closed on tenantry.findings (closed_at) where closed_at is not null;

-- The pace of all workers together: one row.
create table tenantry.check_schedule (
    one          boolean primary key default true check (one),
    -- no scheduled look begins earlier
    next_at      timestamptz not null default now(),
    -- the walk that enrols tenants: how far it is, and when it goes on
    enrolled_to  bigint not null default 0,
    enrol_at     timestamptz not null default now(),
    -- when everything but single tenants is examined again, and when it last was
    examine_at   timestamptz not null default now() + interval '1 hour' * random(),
    examined_at  timestamptz
);
insert into tenantry.check_schedule default values;
