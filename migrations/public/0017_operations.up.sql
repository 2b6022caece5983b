-- One engine for every kind of work: a batch is an operation of kind `provision`.

alter table tenantry.batches rename to operations;
alter table tenantry.batch_items rename to operation_items;
alter table tenantry.operation_items rename column batch_id to operation_id;
alter table tenantry.operation_items rename column request to input;
alter table tenantry.api_keys rename column batch_id to operation_id;
alter table tenantry.idempotency_keys rename column batch_id to operation_id;
alter table tenantry.outbox rename column batch_id to operation_id;
alter table tenantry.audit_log rename column batch_id to operation_id;
alter table tenantry.operation_items rename constraint batch_items_batch_id_fkey to operation_items_operation_id_fkey;
alter table tenantry.operation_items rename constraint batch_items_batch_id_idx_key to operation_items_operation_id_idx_key;
alter table tenantry.operation_items rename constraint batch_items_error_message_check to operation_items_error_message_check;
alter table tenantry.operation_items rename constraint batch_items_pkey to operation_items_pkey;
alter table tenantry.operation_items rename constraint batch_items_state_check to operation_items_state_check;
alter table tenantry.operation_items rename constraint batch_items_tenant_id_fkey to operation_items_tenant_id_fkey;
alter table tenantry.operations rename constraint batches_created_by_fkey to operations_created_by_fkey;
alter table tenantry.operations rename constraint batches_mode_check to operations_mode_check;
alter table tenantry.operations rename constraint batches_pkey to operations_pkey;
alter table tenantry.operations rename constraint batches_state_check to operations_state_check;
alter table tenantry.operations rename constraint batches_total_check to operations_total_check;
alter table tenantry.operations rename constraint batches_totals_together to operations_totals_together;
alter index tenantry.batch_items_by_state rename to operation_items_by_state;
alter index tenantry.batch_items_by_tenant rename to operation_items_by_tenant;
alter index tenantry.batches_deadline rename to operations_deadline;
alter index tenantry.batches_open rename to operations_open;
alter index tenantry.batches_scheduled rename to operations_scheduled;
alter index tenantry.batches_under_way rename to operations_under_way;
alter sequence tenantry.batch_items_id_seq rename to operation_items_id_seq;
alter index tenantry.api_keys_sealed_by_batch rename to api_keys_sealed_by_operation;
alter index tenantry.audit_log_by_batch rename to audit_log_by_operation;
drop index tenantry.outbox_one_finish_per_run;
update tenantry.outbox set kind = 'operation.finished' where kind = 'batch.finished';
create unique index outbox_one_finish_per_run on tenantry.outbox (operation_id, run)
    where kind = 'operation.finished';

alter table tenantry.operations
    add column kind   text not null default 'provision' check (kind ~ '^[a-z_]{1,40}$'),
    -- what the kind has to know, the same for every item
    add column params jsonb not null default '{}';

-- `waiting`: another item works on its tenant; `stuck`: past the point of no return, and an operator
-- has to look.
alter table tenantry.operation_items drop constraint operation_items_state_check;
drop index tenantry.batch_items_owned, tenantry.batch_items_waiting;
update tenantry.operation_items set state = 'unwinding' where state = 'compensating';
alter table tenantry.operation_items
    add constraint operation_items_state_check check (state in ('queued', 'waiting', 'running',
        'retrying', 'built', 'succeeded', 'unwinding', 'failed', 'cancelled', 'rolled_back',
        'undo_failed', 'stuck')),
    -- what it came to, as its kind says
    add column result jsonb;
create index operation_items_owned on tenantry.operation_items (worker_id)
    where state in ('running', 'unwinding');
create index operation_items_open on tenantry.operation_items (id)
    where state in ('queued', 'waiting', 'retrying', 'unwinding');
-- The items that wait for their tenant.
create index operation_items_waiting on tenantry.operation_items (tenant_id, id) where state = 'waiting';
-- One item at a time works on a tenant: from its claim to its end.
create unique index operation_items_hold on tenantry.operation_items (tenant_id)
    where state in ('running', 'retrying', 'unwinding', 'built', 'undo_failed', 'stuck');

-- What a worker can take, and the set of tenant migrations that it has.
alter table tenantry.workers
    add column kinds    text[] not null default '{provision}',
    add column set_hash text;
alter table tenantry.operation_items drop column job_id;

-- Every try of an item that failed.
create table tenantry.item_attempts (
    item_id    bigint not null,
    attempt    int not null,
    worker_id  text not null,
    stage      text not null,
    step       text,
    -- whether the try was one to undo
    undo       boolean not null,
    code       text not null,
    message    text not null check (octet_length(message) <= 4096),
    started_at timestamptz not null,
    failed_at  timestamptz not null default clock_timestamp(),
    primary key (item_id, attempt, undo)
);
