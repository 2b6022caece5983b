select
    i.error_code as "code!",
    i.error_step as step,
    count(*) as "tenants!",
    min(i.error_message) as message,
    min(i.idx) as "first!"
from tenantry.operation_items i
where i.operation_id = $1 and i.state in ('failed', 'undo_failed', 'stuck') and i.error_code is not null
group by i.error_code, i.error_step
order by count(*) desc, i.error_code, i.error_step
limit 20
