-- `released`: a reservation that came to nothing. `deleted` is left to tenants that were active.

drop index tenantry.tenants_live_domain, tenantry.tenants_live_schema, tenantry.tenants_live_external_id;
alter table tenantry.tenants drop constraint tenants_state_check;
alter table tenantry.tenants add constraint tenants_state_check check (state in ('pending', 'active',
    'suspended', 'archived', 'deleting', 'deleted', 'released'));
update tenantry.tenants set state = 'released', deleted_at = null
where state = 'deleted' and activated_at is null;
create unique index tenants_live_domain on tenantry.tenants (domain)
    where state not in ('deleted', 'released');
create unique index tenants_live_schema on tenantry.tenants (schema_name)
    where state not in ('deleted', 'released');
create unique index tenants_live_external_id on tenantry.tenants (external_id)
    where state not in ('deleted', 'released') and external_id is not null;

-- What else a caller has under way: the more there is, the wider apart stand the jobs of his next batch.
create index batches_under_way on tenantry.batches (created_by)
    where finished_at is null and run_at is null and paused_at is null;
