-- $1 operation, $2 the index of the culprit, $3 the event, $4 items refused themselves, $5 those refused
-- for their sake.
with ended as (
    update tenantry.operations
    set state = 'rolled_back', culprit_idx = $2, finished_at = clock_timestamp(), totals_run = run,
        total_succeeded = 0, total_failed = $4, total_cancelled = $5, total_rolled_back = 0,
        total_ended_in_run = 0
    where id = $1 and mode = 'atomic' and state = 'queued' and finished_at is null
    returning id, run
)
insert into tenantry.outbox (kind, operation_id, run, payload)
select 'operation.finished', id, run, $3 from ended
