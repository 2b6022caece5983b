insert into tenantry.operation_items
    (operation_id, idx, state, input, tenant_name, domain, schema_name, tenant_id,
     error_code, error_message, error_retryable, finished_at, next_attempt_at)
select
    $1, idx, state, input, tenant_name, domain, schema_name, tenant_id, code, message,
    retryable, case when state <> 'queued' then now() end, case when state = 'queued' then $12::timestamptz end
from unnest(
    $2::int[],
    $3::jsonb[],
    $4::text[],
    $5::text[],
    $6::text[],
    $7::bigint[],
    $8::text[],
    $9::text[],
    $10::boolean[],
    $11::text[]
) as item (idx, input, tenant_name, domain, schema_name, tenant_id, code, message,
    retryable, state)
returning id, state
