-- $1 operation, $2 job ids, one for each item at most, $3 code and $4 message of the reason
with picked as (
    select id, row_number() over (order by id) as n
    from (select id from tenantry.operation_items
          where operation_id = $1 and state = 'built'
          order by id limit cardinality($2::text[]) for update) as locked
)
update tenantry.operation_items i
set state = 'unwinding', tries = 0, worker_id = null, next_attempt_at = clock_timestamp(),
    job_id = ($2::text[])[picked.n],
    error_code = $3, error_message = $4, error_step = null, error_retryable = true
from picked
where i.id = picked.id and i.state || '' = 'built' -- found by id
returning i.id, i.job_id as "job_id!"
