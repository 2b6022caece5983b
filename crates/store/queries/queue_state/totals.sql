-- Both counts are answered by partial indexes that hold open items only.
select
    n.paused_at,
    (
        select count(*) from (
            select from tenantry.operation_items
            where state in ('queued', 'retrying', 'unwinding') and worker_id is null
            limit $1
        ) as waiting
    ) as "waiting!",
    (
        select count(*) from tenantry.operation_items
        where state in ('running', 'unwinding') and worker_id is not null
    ) as "running!"
from tenantry.installation n
