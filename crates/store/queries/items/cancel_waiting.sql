-- Tenants are found by id, and not by their state: with statistics of a time at which nothing waited the
-- planner expects one tenant in that state, and joins all that are to all items.
-- An item with a committed stage is not among them: its worker has to undo that first, and sees
-- the request when it claims it next.
with cancelled as (
    update tenantry.operation_items i
    set state = 'cancelled', finished_at = clock_timestamp(), next_attempt_at = null,
        error_code = $2, error_message = $3, error_step = null, error_retryable = true
    where i.operation_id = $1 and i.state in ('planned', 'queued', 'waiting', 'retrying')
      and not exists (
          select from tenantry.checkpoints c where c.item_id = i.id and c.undone_at is null)
    returning tenant_id
), released as (
    update tenantry.tenants t
    set state = 'released', updated_at = clock_timestamp()
    where t.id = any(array(select tenant_id from cancelled)) and t.state || '' = 'pending'
)
select count(*) as "count!" from cancelled
