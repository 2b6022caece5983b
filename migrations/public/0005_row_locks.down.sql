drop table tenantry.leases, tenantry.tenant_locks;
