-- Both counts are answered by partial indexes that hold open items only.
select
    n.paused_at,
    (
        select count(*) from (
            select from tenantry.batch_items
            where state in ('queued', 'retrying', 'compensating') and worker_id is null
            limit $1
        ) as waiting
    ) as "waiting!",
    (
        select count(*) from tenantry.batch_items
        where state in ('running', 'compensating') and worker_id is not null
    ) as "running!"
from tenantry.installation n
