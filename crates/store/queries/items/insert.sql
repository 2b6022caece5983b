insert into tenantry.batch_items
    (batch_id, idx, state, request, tenant_name, domain, schema_name, tenant_id, job_id,
     error_code, error_message, error_retryable, finished_at)
select
    $1, idx, case when code is null then 'queued' else 'failed' end, request, tenant_name, domain,
    schema_name, tenant_id, job_id, code, message, retryable,
    case when code is not null then now() end
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
    $11::boolean[]
) as item (idx, request, tenant_name, domain, schema_name, tenant_id, job_id, code, message,
    retryable)
returning id, idx
