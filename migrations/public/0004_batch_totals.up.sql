-- What became of a batch's items, written into its row when it ends: nobody has to count them again.

alter table tenantry.batches
    -- the run whose end wrote the totals below; those of another run than the present are void
    add column totals_run          int,
    add column total_succeeded     int,
    -- with those whose undo failed
    add column total_failed        int,
    add column total_cancelled     int,
    add column total_rolled_back   int,
    -- those that ended after this run's start
    add column total_ended_in_run  int,
    add constraint batches_totals_together check (num_nonnulls(totals_run, total_succeeded,
        total_failed, total_cancelled, total_rolled_back, total_ended_in_run) in (0, 6));

update tenantry.batches b
set totals_run = b.run,
    total_succeeded = items.succeeded,
    total_failed = items.failed,
    total_cancelled = items.cancelled,
    total_rolled_back = items.rolled_back,
    total_ended_in_run = items.ended_in_run
from (
    select e.id,
           count(*) filter (where i.state = 'succeeded') as succeeded,
           count(*) filter (where i.state in ('failed', 'undo_failed')) as failed,
           count(*) filter (where i.state = 'cancelled') as cancelled,
           count(*) filter (where i.state = 'rolled_back') as rolled_back,
           count(*) filter (where i.finished_at >= e.started_at) as ended_in_run
    from tenantry.batches e
    join tenantry.batch_items i on i.batch_id = e.id
    where e.finished_at is not null
    group by e.id
) as items
where b.id = items.id;
