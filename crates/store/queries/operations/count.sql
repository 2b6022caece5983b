select
    b.run,
    b.total,
    count(*) filter (where i.state in ('planned', 'queued', 'waiting')) as "queued!",
    count(*) filter (where i.state in ('running', 'built', 'unwinding')) as "running!",
    count(*) filter (where i.state = 'retrying') as "retrying!",
    count(*) filter (where i.state = 'succeeded') as "succeeded!",
    count(*) filter (where i.state in ('failed', 'undo_failed', 'stuck')) as "failed!",
    count(*) filter (where i.state = 'cancelled') as "cancelled!",
    count(*) filter (where i.state = 'rolled_back') as "rolled_back!",
    count(*) filter (where i.finished_at >= b.started_at) as "ended_in_run!"
from tenantry.operations b
join tenantry.operation_items i on i.operation_id = b.id
where b.id = $1
group by b.id
