-- $1 batch, $2 the version its schemas stand at
with ended as (
    update tenantry.batch_items
    set state = 'succeeded', finished_at = clock_timestamp()
    where batch_id = $1 and state = 'built'
    returning tenant_id
)
update tenantry.tenants t
set state = 'active', activated_at = clock_timestamp(), updated_at = clock_timestamp(),
    migration_version = $2
from ended
where t.id = ended.tenant_id and t.state = 'pending'
returning t.id
