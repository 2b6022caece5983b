-- $1 operation, $2 the run whose end was seen, $3 the outcome, $4 the event, $5 to $9 the totals.
-- The loser of a race waits for the row, then sees finished_at and changes nothing.
with won as (
    update tenantry.operations
    set state = $3, finished_at = clock_timestamp(), totals_run = run, total_succeeded = $5,
        total_failed = $6, total_cancelled = $7, total_rolled_back = $8, total_ended_in_run = $9
    where id = $1 and run = $2 and finished_at is null
      and case when state in ('queued', 'running', 'cancelling')
               then $3 in ('completed', 'completed_with_failures', 'failed', 'cancelled', 'rolled_back')
               when state = 'rolling_back' then $3 in ('cancelled', 'rolled_back')
               else false end
    returning id, run
), event as (
    insert into tenantry.outbox (kind, operation_id, run, payload)
    select 'operation.finished', id, run, $4 from won
)
select id from won
