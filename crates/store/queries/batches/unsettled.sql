select b.id
from tenantry.batches b
where b.finished_at is null
  and (not exists (
           select from tenantry.batch_items i
           where i.batch_id = b.id
             and i.state in ('queued', 'running', 'retrying', 'compensating'))
       or (b.mode = 'atomic' and b.state in ('queued', 'running') and exists (
           select from tenantry.batch_items i
           where i.batch_id = b.id and i.state in ('failed', 'undo_failed', 'compensating')))
       or (b.mode = 'atomic' and b.state in ('cancelling', 'rolling_back') and exists (
           select from tenantry.batch_items i where i.batch_id = b.id and i.state = 'built')))
limit 100
