-- One engine for every kind of work: a batch is an operation of kind `provision`.

alter table tenantry.batches rename to operations;
alter table tenantry.batch_items rename to operation_items;
alter table tenantry.operation_items rename column batch_id to operation_id;
alter table tenantry.operation_items rename column request to input;
alter table tenantry.api_keys rename column batch_id to operation_id;
alter table tenantry.idempotency_keys rename column batch_id to operation_id;
alter table tenantry.outbox rename column batch_id to operation_id;
alter table tenantry.audit_log rename column batch_id to operation_id;
do $$
declare
    old record;
begin
    for old in select conrelid::regclass as of, conname as name,
                      replace(replace(replace(conname, 'batches_', 'operations_'), 'batch_items_', 'operation_items_'), 'batch_id', 'operation_id') as new
               from pg_constraint
               where connamespace = 'tenantry'::regnamespace and conname ~ '^batch(es|_items)_' loop
        execute format('alter table %s rename constraint %I to %I', old.of, old.name, old.new);
    end loop;
    for old in select relname as name, replace(replace(replace(relname, 'batches_', 'operations_'), 'batch_items_', 'operation_items_'), 'batch_id', 'operation_id') as new
               from pg_class
               where relnamespace = 'tenantry'::regnamespace and relkind in ('i', 'S')
                 and relname ~ '^batch(es|_items)_' loop
        execute format('alter table tenantry.%I rename to %I', old.name, old.new);
    end loop;
end $$;
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
drop index tenantry.operation_items_owned, tenantry.operation_items_waiting;
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
    where state in ('queued', 'retrying', 'unwinding');
-- The items that wait for their tenant.
create index operation_items_waiting on tenantry.operation_items (tenant_id, id) where state = 'waiting';
-- One item at a time works on a tenant: from its claim to its end.
create unique index operation_items_hold on tenantry.operation_items (tenant_id)
    where state in ('running', 'retrying', 'unwinding', 'built', 'undo_failed', 'stuck');

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
    started_at timestamptz,
    failed_at  timestamptz not null default clock_timestamp(),
    primary key (item_id, attempt, undo)
);
