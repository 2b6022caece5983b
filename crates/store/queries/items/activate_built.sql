-- $1 operation. Tenants are found by id: see cancel_waiting.sql.
with ended as (
    update tenantry.operation_items
    set state = 'succeeded', finished_at = clock_timestamp()
    where operation_id = $1 and state = 'built'
    returning tenant_id
)
update tenantry.tenants t
set state = 'active', activated_at = clock_timestamp(), updated_at = clock_timestamp()
where t.id = any(array(select tenant_id from ended)) and t.state || '' = 'pending'
returning t.id
