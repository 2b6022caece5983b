-- What waits for its wave is cancelled; the release before has no waves.
update tenantry.operation_items
set state = 'cancelled', finished_at = clock_timestamp(), error_code = 'cancelled',
    error_message = 'the rollout was ended by a downgrade', error_retryable = true
where state = 'planned';
drop table tenantry.rollout_waves;
drop index tenantry.operation_items_by_wave;
alter table tenantry.operation_items drop constraint operation_items_state_check;
alter table tenantry.operation_items
    add constraint operation_items_state_check check (state in ('queued', 'waiting', 'running',
        'retrying', 'built', 'succeeded', 'unwinding', 'failed', 'cancelled', 'rolled_back',
        'undo_failed', 'stuck')),
    drop column wave;
update tenantry.operations set paused_at = null where wave is not null;
alter table tenantry.operations drop column wave, drop column promote_all, drop column pause_reasons;
