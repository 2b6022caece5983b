select
    b.state,
    b.mode,
    b.run,
    b.total,
    b.created_at,
    b.started_at,
    b.finished_at,
    b.run_at,
    (b.paused_at is not null and b.finished_at is null) as "paused!",
    b.culprit_idx,
    culprit.error_code as "culprit_code?",
    culprit.error_message as "culprit_message?",
    (extract(epoch from coalesce(b.finished_at, clock_timestamp())
        - coalesce(b.started_at, b.created_at)) * 1000)::bigint as "elapsed_ms!",
    items.queued as "queued!",
    items.running as "running!",
    items.retrying as "retrying!",
    items.succeeded as "succeeded!",
    items.failed as "failed!",
    items.cancelled as "cancelled!",
    items.rolled_back as "rolled_back!",
    items.ended_in_run as "ended_in_run!"
from tenantry.batches b
cross join lateral (
    select
        count(*) filter (where i.state = 'queued') as queued,
        count(*) filter (where i.state in ('running', 'built', 'compensating')) as running,
        count(*) filter (where i.state = 'retrying') as retrying,
        count(*) filter (where i.state = 'succeeded') as succeeded,
        count(*) filter (where i.state in ('failed', 'undo_failed')) as failed,
        count(*) filter (where i.state = 'cancelled') as cancelled,
        count(*) filter (where i.state = 'rolled_back') as rolled_back,
        count(*) filter (where i.finished_at >= b.started_at) as ended_in_run
    from tenantry.batch_items i
    where i.batch_id = b.id
) as items
left join tenantry.batch_items culprit on culprit.batch_id = b.id and culprit.idx = b.culprit_idx
where b.id = $1
