-- The counts of an operation that could be ended; no row while an item of it is open, and the items
-- are counted only when none is.
with closed as materialized (
    select b.id, b.run, b.total, b.mode, b.started_at, b.cancel_requested_at is not null as cancel_requested
    from tenantry.operations b
    where b.id = $1 and b.finished_at is null
      and not exists (
          select 1 from tenantry.operation_items i
          where i.operation_id = $1
            and i.state in ('planned', 'queued', 'waiting', 'running', 'retrying', 'built', 'unwinding'))
)
select closed.run as "run!",
       closed.total as "total!",
       closed.mode as "mode!",
       closed.cancel_requested as "cancel_requested!",
       counts.succeeded as "succeeded!",
       counts.failed as "failed!",
       counts.cancelled as "cancelled!",
       counts.rolled_back as "rolled_back!",
       counts.ended_in_run as "ended_in_run!"
from closed
cross join lateral (
    select count(*) filter (where i.state = 'succeeded') as succeeded,
           count(*) filter (where i.state in ('failed', 'undo_failed', 'stuck')) as failed,
           count(*) filter (where i.state = 'cancelled') as cancelled,
           count(*) filter (where i.state = 'rolled_back') as rolled_back,
           count(*) filter (where i.finished_at >= closed.started_at) as ended_in_run
    from tenantry.operation_items i
    where i.operation_id = closed.id
) counts
