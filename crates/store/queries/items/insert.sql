insert into tenantry.operation_items
    (operation_id, idx, state, input, tenant_name, domain, schema_name, tenant_id, job_id,
     error_code, error_message, error_retryable, finished_at, next_attempt_at)
select
    $1, idx, state, input, tenant_name, domain, schema_name, tenant_id, job_id, code, message,
    retryable, case when state <> 'queued' then now() end, case when state = 'queued' then $13::timestamptz end
from unnest(
    $2::int[],
    $3::jsonb[],
    $4::text[],
    $5::text[],
    $6::text[],
    $7::bigint[],
    $8::text[],
    $9::text[],
    $10::text[],
    $11::boolean[],
    $12::text[]
) as item (idx, input, tenant_name, domain, schema_name, tenant_id, job_id, code, message,
    retryable, state)
returning id, idx
