-- What a `stuck` item has done stays: its stages, its tenant and its keys.
with before as (
    select id, state from tenantry.operation_items
    where operation_id = $1 and idx = $2 and state in ('undo_failed', 'stuck')
    for update
), resolved as (
    update tenantry.operation_items i
    set state = 'failed', next_attempt_at = null
    from before
    where i.id = before.id and i.state in ('undo_failed', 'stuck')
    returning i.id, i.tenant_id, before.state = 'undo_failed' as undone
), stages as (
    -- a retry of the item begins at the beginning
    update tenantry.checkpoints c
    set undone_at = clock_timestamp()
    from resolved
    where resolved.undone and c.item_id = resolved.id and c.undone_at is null
), keys as (
    update tenantry.api_keys k
    set revoked_at = coalesce(k.revoked_at, clock_timestamp()), sealed = null, sealed_until = null
    from resolved
    where resolved.undone and k.tenant_id = resolved.tenant_id
      and (k.revoked_at is null or k.sealed is not null)
), released as (
    update tenantry.tenants t
    set state = 'released', updated_at = clock_timestamp()
    from resolved
    where resolved.undone and t.id = resolved.tenant_id and t.state = 'pending'
)
select tenant_id from resolved
