-- In which objects a tenant's schema is not what its migrations make, by its last look, [{object, difference}];
-- null: it was not compared. And since when its health is what it is.
alter table tenantry.tenant_checks
    add column drift        jsonb check (jsonb_typeof(drift) = 'array'),
    add column health_since timestamptz;
create index tenant_checks_drifted on tenantry.tenant_checks (tenant_id) where drift <> '[]';
-- counts of each health, and the tenants that have it in the order of their ids
drop index tenantry.tenant_checks_unwell;
create index tenant_checks_by_health on tenantry.tenant_checks (overall_health, tenant_id);
