update tenantry.operation_items i
-- what has a wave waits for its turn in it
set state = case when i.wave is null then 'queued' else 'planned' end,
    tries = 0,
    tenant_id = again.tenant_id,
    domain = again.domain,
    schema_name = again.schema_name,
    worker_id = null,
    started_at = null,
    finished_at = null,
    next_attempt_at = null,
    error_code = null,
    error_message = null,
    error_step = null,
    error_retryable = null
from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[])
    as again (id, tenant_id, domain, schema_name)
where i.id = again.id
  and i.state || '' in ('failed', 'cancelled', 'rolled_back') -- found by id
