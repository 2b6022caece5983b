alter table tenantry.installation drop column paused_at;
drop index tenantry.batches_scheduled;
alter table tenantry.batches drop column run_at, drop column paused_at, drop column culprit_idx;
alter table tenantry.batch_items drop constraint batch_items_state_check;
alter table tenantry.batch_items add constraint batch_items_state_check check (state in ('queued',
    'running', 'retrying', 'succeeded', 'compensating', 'failed', 'cancelled', 'rolled_back',
    'undo_failed'));
