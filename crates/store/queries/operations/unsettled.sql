select b.id
from tenantry.operations b
where b.finished_at is null
  and (not exists (
           select from tenantry.operation_items i
           where i.operation_id = b.id
             and i.state in ('planned', 'queued', 'waiting', 'running', 'retrying', 'unwinding'))
       or (b.mode = 'atomic' and b.state in ('queued', 'running') and exists (
           select from tenantry.operation_items i
           where i.operation_id = b.id and i.state in ('failed', 'undo_failed', 'unwinding')))
       or (b.mode = 'atomic' and b.state in ('cancelling', 'rolling_back') and exists (
           select from tenantry.operation_items i where i.operation_id = b.id and i.state = 'built')))
limit 100
