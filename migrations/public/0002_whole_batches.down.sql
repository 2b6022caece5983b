alter table tenantry.api_keys
    add constraint api_keys_tenant_id_fkey foreign key (tenant_id) references tenantry.tenants (id);
alter table tenantry.checkpoints
    add constraint checkpoints_item_id_fkey foreign key (item_id) references tenantry.batch_items (id);
alter table tenantry.installation drop column paused_at;
drop index tenantry.batches_scheduled;
alter table tenantry.batches drop column run_at, drop column paused_at, drop column culprit_idx;
alter table tenantry.batch_items drop constraint batch_items_state_check;
alter table tenantry.batch_items add constraint batch_items_state_check check (state in ('queued',
    'running', 'retrying', 'succeeded', 'compensating', 'failed', 'cancelled', 'rolled_back',
    'undo_failed'));
