-- Locks that only Tenantry's own roles can take. Any role of the server may take an advisory lock of
-- any number, so a tenant could hold every lock that is one.

-- A tenant's lock: `select … order by tenant_id for update` is the first statement of whatever works
-- on the tenant. No foreign key names the table and nothing updates it: nothing else locks its rows.
create table tenantry.tenant_locks (tenant_id bigint primary key);
insert into tenantry.tenant_locks (tenant_id) select id from tenantry.tenants;

-- What one process at a time may do: `select … for update` on the row that names it.
create table tenantry.leases (name text primary key);
insert into tenantry.leases (name) values
    ('bootstrap'), -- grants on what all tenants share
    ('makers'),    -- roles that make tenants' roles
    ('spares');    -- building and dropping spares

-- What every tenant's making changes is vacuumed by number of dead rows, not by share of the history,
-- as the queue's table is; and its statistics do not stay those of an idle night.
alter table tenantry.tenants set (autovacuum_vacuum_scale_factor = 0.0,
    autovacuum_vacuum_threshold = 2000, autovacuum_analyze_scale_factor = 0.0,
    autovacuum_analyze_threshold = 5000);
alter table tenantry.batch_items set (autovacuum_vacuum_scale_factor = 0.0,
    autovacuum_vacuum_threshold = 2000, autovacuum_analyze_scale_factor = 0.0,
    autovacuum_analyze_threshold = 5000);
