with resolved as (
    update tenantry.operation_items
    set state = 'failed', next_attempt_at = null
    where operation_id = $1 and idx = $2 and state = 'undo_failed'
    returning id, tenant_id
), stages as (
    -- a retry of the item begins at the beginning
    update tenantry.checkpoints c
    set undone_at = clock_timestamp()
    from resolved
    where c.item_id = resolved.id and c.undone_at is null
), keys as (
    update tenantry.api_keys k
    set revoked_at = coalesce(k.revoked_at, clock_timestamp()), sealed = null, sealed_until = null
    from resolved
    where k.tenant_id = resolved.tenant_id and (k.revoked_at is null or k.sealed is not null)
), released as (
    update tenantry.tenants t
    set state = 'released', updated_at = clock_timestamp()
    from resolved
    where t.id = resolved.tenant_id and t.state = 'pending'
)
select tenant_id from resolved
