drop table tenantry.item_attempts;
alter table tenantry.workers drop column kinds, drop column set_hash;
alter table tenantry.operation_items add column job_id text;

drop index tenantry.operation_items_owned, tenantry.operation_items_open, tenantry.operation_items_waiting,
    tenantry.operation_items_hold;
-- The release before knows one kind of work.
delete from tenantry.checkpoints c using tenantry.operation_items i, tenantry.operations o
where c.item_id = i.id and i.operation_id = o.id and o.kind <> 'provision';
delete from tenantry.operation_items i using tenantry.operations o
where i.operation_id = o.id and o.kind <> 'provision';
delete from tenantry.outbox e using tenantry.operations o where e.operation_id = o.id and o.kind <> 'provision';
delete from tenantry.idempotency_keys k using tenantry.operations o
where k.operation_id = o.id and o.kind <> 'provision';
delete from tenantry.operations where kind <> 'provision';
update tenantry.operation_items set state = 'queued' where state = 'waiting';
alter table tenantry.operation_items drop constraint operation_items_state_check;
update tenantry.operation_items set state = 'compensating' where state = 'unwinding';
update tenantry.operation_items set state = 'undo_failed' where state = 'stuck';
alter table tenantry.operation_items
    drop column result,
    add constraint operation_items_state_check check (state in ('queued', 'running', 'retrying', 'built',
        'succeeded', 'compensating', 'failed', 'cancelled', 'rolled_back', 'undo_failed'));
create index batch_items_owned on tenantry.operation_items (worker_id)
    where state in ('running', 'compensating');
create index batch_items_waiting on tenantry.operation_items (id)
    where state in ('queued', 'retrying', 'compensating');
alter table tenantry.operations drop column kind, drop column params;

drop index tenantry.outbox_one_finish_per_run;
update tenantry.outbox set kind = 'batch.finished' where kind = 'operation.finished';
alter table tenantry.outbox rename column operation_id to batch_id;
create unique index outbox_one_finish_per_run on tenantry.outbox (batch_id, run) where kind = 'batch.finished';
alter table tenantry.audit_log rename column operation_id to batch_id;
alter table tenantry.idempotency_keys rename column operation_id to batch_id;
alter table tenantry.api_keys rename column operation_id to batch_id;
alter index tenantry.api_keys_sealed_by_operation rename to api_keys_sealed_by_batch;
alter index tenantry.audit_log_by_operation rename to audit_log_by_batch;
alter table tenantry.operation_items rename column input to request;
alter table tenantry.operation_items rename column operation_id to batch_id;
alter table tenantry.operation_items rename constraint operation_items_operation_id_fkey to batch_items_batch_id_fkey;
alter table tenantry.operation_items rename constraint operation_items_operation_id_idx_key to batch_items_batch_id_idx_key;
alter table tenantry.operation_items rename constraint operation_items_error_message_check to batch_items_error_message_check;
alter table tenantry.operation_items rename constraint operation_items_pkey to batch_items_pkey;
alter table tenantry.operation_items rename constraint operation_items_state_check to batch_items_state_check;
alter table tenantry.operation_items rename constraint operation_items_tenant_id_fkey to batch_items_tenant_id_fkey;
alter table tenantry.operations rename constraint operations_created_by_fkey to batches_created_by_fkey;
alter table tenantry.operations rename constraint operations_mode_check to batches_mode_check;
alter table tenantry.operations rename constraint operations_pkey to batches_pkey;
alter table tenantry.operations rename constraint operations_state_check to batches_state_check;
alter table tenantry.operations rename constraint operations_total_check to batches_total_check;
alter table tenantry.operations rename constraint operations_totals_together to batches_totals_together;
alter index tenantry.operation_items_by_state rename to batch_items_by_state;
alter index tenantry.operation_items_by_tenant rename to batch_items_by_tenant;
alter index tenantry.operations_deadline rename to batches_deadline;
alter index tenantry.operations_open rename to batches_open;
alter index tenantry.operations_scheduled rename to batches_scheduled;
alter index tenantry.operations_under_way rename to batches_under_way;
alter sequence tenantry.operation_items_id_seq rename to batch_items_id_seq;
alter table tenantry.operation_items rename to batch_items;
alter table tenantry.operations rename to batches;
