-- Names that are held for a deleted tenant are free again, and tenants that wait for their drop are left
-- as they are: nobody drops them.
drop index tenantry.tenants_live_domain, tenantry.tenants_live_schema, tenantry.tenants_live_external_id;
create unique index tenants_live_domain on tenantry.tenants (domain)
    where state not in ('deleted', 'released');
create unique index tenants_live_schema on tenantry.tenants (schema_name)
    where state not in ('deleted', 'released');
create unique index tenants_live_external_id on tenantry.tenants (external_id)
    where state not in ('deleted', 'released') and external_id is not null;
alter table tenantry.tenants
    drop column deletion_protected,
    drop column deleting_at,
    drop column deleting_reason,
    drop column deleting_from,
    drop column purge_at,
    drop column purge_taken_at,
    drop column purge_began_at,
    drop column held_at,
    drop column hold_reason,
    drop column name_hold_days,
    drop column names_held_until;
delete from tenantry.leases where name = 'reaper';
