-- A suspended tenant: since when, why, and until when; null = until somebody resumes it.
alter table tenantry.tenants
    add column suspended_at     timestamptz,
    add column suspended_reason text check (octet_length(suspended_reason) <= 4096),
    add column suspended_until  timestamptz,
    -- what its role could do before, given back when it is resumed
    add column suspended_rights jsonb;
create index tenants_suspended_until on tenantry.tenants (suspended_until)
    where suspended_until is not null;

-- An item that interrupts waits for no item of another kind, and holds nothing: a suspension takes effect
-- whatever else works on its tenant.
alter table tenantry.operation_items add column interrupts boolean not null default false;
drop index tenantry.operation_items_hold;
create unique index operation_items_hold on tenantry.operation_items (tenant_id)
    where state in ('running', 'retrying', 'unwinding', 'built', 'undo_failed', 'stuck') and not interrupts;
