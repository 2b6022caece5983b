insert into tenantry.leases (name) values ('reaper');

-- A tenant that is being deleted: since when, why, from which state, and when it may be dropped.
alter table tenantry.tenants
    add column deletion_protected boolean not null default false,
    add column deleting_at        timestamptz,
    add column deleting_reason    text check (octet_length(deleting_reason) <= 4096),
    -- the state that an undelete gives back
    add column deleting_from      text check (deleting_from in ('active', 'suspended', 'archived')),
    add column purge_at           timestamptz,
    -- when the reaper took it; it takes so many a minute
    add column purge_taken_at     timestamptz,
    -- from then on there is no way back
    add column purge_began_at     timestamptz,
    -- while it is not null, the time until the drop stands still
    add column held_at            timestamptz,
    add column hold_reason        text check (octet_length(hold_reason) <= 4096),
    -- how long its names stay taken once it is gone, and until when that is; the sweeper clears it
    add column name_hold_days     int check (name_hold_days >= 0),
    add column names_held_until   timestamptz;
create index tenants_purge_at on tenantry.tenants (purge_at)
    where purge_at is not null and held_at is null;
create index tenants_purge_taken_at on tenantry.tenants (purge_taken_at) where purge_taken_at is not null;
create index tenants_names_held_until on tenantry.tenants (names_held_until) where names_held_until is not null;

drop index tenantry.tenants_live_domain, tenantry.tenants_live_schema, tenantry.tenants_live_external_id;
create unique index tenants_live_domain on tenantry.tenants (domain)
    where state not in ('deleted', 'released') or names_held_until is not null;
create unique index tenants_live_schema on tenantry.tenants (schema_name)
    where state not in ('deleted', 'released') or names_held_until is not null;
create unique index tenants_live_external_id on tenantry.tenants (external_id)
    where (state not in ('deleted', 'released') or names_held_until is not null) and external_id is not null;
