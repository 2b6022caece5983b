select
    w.wave,
    w.state,
    w.chosen,
    w.parallel,
    w.halt,
    w.bake_secs,
    w.gated,
    w.began_at,
    w.ended_at,
    w.bake_until,
    w.total,
    c.waiting as "waiting!",
    c.running as "running!",
    c.succeeded as "succeeded!",
    c.failed as "failed!",
    c.skipped as "skipped!",
    c.cancelled as "cancelled!"
from tenantry.rollout_waves w
cross join lateral (
    select count(*) filter (where i.state in ('planned', 'queued', 'waiting')) as waiting,
           count(*) filter (where i.state in ('running', 'retrying', 'unwinding')) as running,
           count(*) filter (where i.state = 'succeeded') as succeeded,
           count(*) filter (where i.state in ('failed', 'undo_failed', 'stuck')) as failed,
           count(*) filter (where i.state = 'cancelled' and i.error_code = 'skipped') as skipped,
           count(*) filter (where i.state = 'cancelled' and i.error_code <> 'skipped') as cancelled
    from tenantry.operation_items i
    where i.operation_id = w.operation_id and i.wave = w.wave
) c
where w.operation_id = $1
order by w.wave
