-- Batches as a whole: all or nothing, paused, at a given time.

-- `built`: everything of the tenant is there, nobody can see it yet, and no worker is on it. Only
-- items of atomic batches pass through it.
alter table tenantry.batch_items drop constraint batch_items_state_check;
alter table tenantry.batch_items add constraint batch_items_state_check check (state in ('queued',
    'running', 'retrying', 'built', 'succeeded', 'compensating', 'failed', 'cancelled',
    'rolled_back', 'undo_failed'));

alter table tenantry.batches
    -- not before; the jobs of the batch are made when the time has come
    add column run_at          timestamptz,
    add column paused_at       timestamptz,
    -- the item whose failure rolled an atomic batch back
    add column culprit_idx     int;
create index batches_scheduled on tenantry.batches (run_at) where run_at is not null and state = 'queued';

-- The whole queue, paused: workers claim nothing.
alter table tenantry.installation add column paused_at timestamptz;

-- Two references that are true by construction: a checkpoint is written by the statement that
-- updates its item, a key in the transaction that activates its tenant, and neither is ever
-- deleted. Their checks would be planned anew for every tenant, since each CREATE SCHEMA makes
-- the server forget its plans: a millisecond of processor time for each.
alter table tenantry.checkpoints drop constraint checkpoints_item_id_fkey;
alter table tenantry.api_keys drop constraint api_keys_tenant_id_fkey;
