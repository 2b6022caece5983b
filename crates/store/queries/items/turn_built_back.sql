-- $1 batch, $2 job ids, one for each item at most, $3 code and $4 message of the reason
with picked as (
    select id, row_number() over (order by id) as n
    from (select id from tenantry.batch_items
          where batch_id = $1 and state = 'built'
          order by id limit cardinality($2::text[]) for update) as locked
)
update tenantry.batch_items i
set state = 'compensating', tries = 0, worker_id = null, next_attempt_at = clock_timestamp(),
    job_id = ($2::text[])[picked.n],
    error_code = $3, error_message = $4, error_step = null, error_retryable = true
from picked
where i.id = picked.id and i.state || '' = 'built' -- found by id
returning i.id, i.job_id as "job_id!"
