drop index tenantry.tenant_checks_by_health;
create index tenant_checks_unwell on tenantry.tenant_checks (overall_health)
    where overall_health in ('unhealthy', 'error');
drop index tenantry.tenant_checks_drifted;
alter table tenantry.tenant_checks drop column health_since, drop column drift;
