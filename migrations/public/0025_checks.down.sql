drop table tenantry.check_schedule;
drop table tenantry.findings;
drop table tenantry.tenant_checks;
