-- Each count goes up to $1, by an index.
select (select count(*) from (select from tenantry.tenants where state = 'active' limit $1) a) as "active!",
    (select count(*) from (select from tenantry.tenants where state = 'suspended' limit $1) s) as "suspended!",
    (select count(*) from (select from tenantry.tenant_checks where overall_health = 'healthy' limit $1) h)
        as "healthy!",
    (select count(*) from (select from tenantry.tenant_checks where overall_health = 'unhealthy' limit $1) u)
        as "unhealthy!",
    (select count(*) from (select from tenantry.tenant_checks where overall_health = 'error' limit $1) e)
        as "error!",
    (select count(*) from (select from tenantry.tenant_checks where drift <> '[]' limit $1) d) as "drifted!"
