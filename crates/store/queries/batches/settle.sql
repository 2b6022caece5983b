-- $1 batch, $2 the run whose end was seen, $3 the outcome, $4 the event, $5 the channel.
-- The loser of a race waits for the row, then sees finished_at and changes nothing.
with won as (
    update tenantry.batches
    set state = $3, finished_at = clock_timestamp()
    where id = $1 and run = $2 and finished_at is null
    returning id, run
), event as (
    insert into tenantry.outbox (kind, batch_id, run, payload)
    select 'batch.finished', id, run, $4 from won
)
select pg_notify($5, won.id::text)::text as announced from won
