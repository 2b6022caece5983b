-- A migration in waves. Items of a wave that has not begun are `planned`: they have no job, hold nothing and
-- are in no index of open items.
alter table tenantry.operations
    -- the wave that is in work, from 1; 0: none has begun; null: the operation has no waves
    add column wave          smallint check (wave >= 0),
    -- gates and bake times are passed over
    add column promote_all   boolean not null default false,
    -- why it is paused; `paused_at` is null while there is no reason
    add column pause_reasons text[] not null default '{}';
update tenantry.operations set pause_reasons = '{user}' where paused_at is not null;

alter table tenantry.operation_items add column wave smallint check (wave > 0);
alter table tenantry.operation_items drop constraint operation_items_state_check;
alter table tenantry.operation_items
    add constraint operation_items_state_check check (state in ('planned', 'queued', 'waiting', 'running',
        'retrying', 'built', 'succeeded', 'unwinding', 'failed', 'cancelled', 'rolled_back',
        'undo_failed', 'stuck'));
create index operation_items_by_wave on tenantry.operation_items (operation_id, wave, state, idx)
    where wave is not null;

create table tenantry.rollout_waves (
    operation_id uuid not null references tenantry.operations (id) on delete cascade,
    wave         smallint not null check (wave > 0),
    total        int not null check (total >= 0),
    -- how its tenants were chosen, without the texts of customers
    chosen       jsonb not null,
    -- items that are in work at once, at most; null: no limit
    parallel     int check (parallel > 0),
    -- {failures, percent, same_code}; null: no failure stops it
    halt         jsonb,
    bake_secs    int not null default 0 check (bake_secs >= 0),
    -- it waits for a person before the next wave
    gated        boolean not null default false,
    state        text not null default 'waiting' check (state in
        ('waiting', 'running', 'baking', 'gated', 'halted', 'unclear', 'done', 'stopped')),
    -- a person let it go on: its failures stop it no more
    promoted     boolean not null default false,
    began_at     timestamptz,
    -- when its last item ended
    ended_at     timestamptz,
    bake_until   timestamptz,
    primary key (operation_id, wave)
);
create index rollout_waves_moving on tenantry.rollout_waves (operation_id) where state in ('running', 'baking');
create index operations_rollouts on tenantry.operations (id) where wave is not null;
