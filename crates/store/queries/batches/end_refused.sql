-- $1 batch, $2 the index of the culprit, $3 the event, $4 the channel, $5 items refused themselves,
-- $6 those refused for their sake.
with ended as (
    update tenantry.batches
    set state = 'rolled_back', culprit_idx = $2, finished_at = clock_timestamp(), totals_run = run,
        total_succeeded = 0, total_failed = $5, total_cancelled = $6, total_rolled_back = 0,
        total_ended_in_run = 0
    where id = $1 and mode = 'atomic' and state = 'queued' and finished_at is null
    returning id, run
), event as (
    insert into tenantry.outbox (kind, batch_id, run, payload)
    select 'batch.finished', id, run, $3 from ended
)
select pg_notify($4, ended.id::text)::text as announced from ended
