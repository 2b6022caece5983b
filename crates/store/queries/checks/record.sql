-- A look that began later has told already what is newer.
update tenantry.tenant_checks
set checked_at = $2, duration_ms = $3, schema_valid = $4, db_accessible = $5, overall_health = $6,
    reasons = $7, drift = $9,
    health_since = case when overall_health = $6 then coalesce(health_since, $2) else $2 end,
    next_due = now() + make_interval(secs => $8::float8 * (0.8 + 0.2 * random())),
    asked_at = case when asked_at > $2 then asked_at end
where tenant_id = $1 and (checked_at is null or checked_at <= $2)
