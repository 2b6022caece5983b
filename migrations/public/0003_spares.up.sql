-- Tenants built in advance, for nobody yet. A row commits together with its schema, its role and its
-- tables, and goes in the transaction that gives them to a tenant or drops them: no crash leaves one
-- without the other.
create table tenantry.spares (
    -- from the tenants' own sequence: the id in its mark and names is never another tenant's
    id       bigint primary key,
    -- what it was built by: a hash of the tenant migrations and of all else that a spare depends on
    stamp    text not null,
    -- the newest of those migrations
    head     bigint not null,
    built_at timestamptz not null default clock_timestamp()
);
create index spares_by_stamp on tenantry.spares (stamp, id);
