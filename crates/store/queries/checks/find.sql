select t.name, t.schema_name, t.state, c.checked_at as "checked_at?", c.duration_ms, c.schema_valid,
    c.db_accessible, c.overall_health, c.reasons as "reasons?", c.drift, c.health_since, c.next_due as "next_due?"
from tenantry.tenants t
left join tenantry.tenant_checks c on c.tenant_id = t.id
where t.id = $1
