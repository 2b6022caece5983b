drop index tenantry.batches_under_way;
drop index tenantry.tenants_live_domain, tenantry.tenants_live_schema, tenantry.tenants_live_external_id;
update tenantry.tenants set state = 'deleted', deleted_at = updated_at where state = 'released';
alter table tenantry.tenants drop constraint tenants_state_check;
alter table tenantry.tenants add constraint tenants_state_check check (state in ('pending', 'active',
    'suspended', 'archived', 'deleting', 'deleted'));
create unique index tenants_live_domain on tenantry.tenants (domain) where state <> 'deleted';
create unique index tenants_live_schema on tenantry.tenants (schema_name) where state <> 'deleted';
create unique index tenants_live_external_id on tenantry.tenants (external_id)
    where state <> 'deleted' and external_id is not null;
