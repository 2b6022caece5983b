-- $1 tenants that are gone from their databases. What is personal goes; who did what when stays.
with gone as (
    update tenantry.tenants t
    set state = 'deleted', deleted_at = clock_timestamp(), updated_at = clock_timestamp(),
        name = 'deleted', description = null, settings = '{}', labels = '{}',
        -- a name that is kept for a while goes when its time is over
        domain = case when t.name_hold_days > 0 then t.domain else 'deleted.invalid' end,
        schema_name = case when t.name_hold_days > 0 then t.schema_name else 'deleted' end,
        external_id = case when t.name_hold_days > 0 then t.external_id end,
        names_held_until = case when t.name_hold_days > 0
            then clock_timestamp() + make_interval(days => t.name_hold_days) end,
        deleting_reason = null, hold_reason = null, purge_at = null, suspended_at = null,
        suspended_reason = null, suspended_until = null, suspended_rights = null
    where t.id = any($1::bigint[]) and t.state = 'deleting'
    returning t.id, t.names_held_until
), keys as (
    delete from tenantry.api_keys k using gone where k.tenant_id = gone.id returning k.tenant_id
), ledger as (
    delete from tenantry.tenant_migrations m using gone where m.tenant_id = gone.id
), checks as (
    delete from tenantry.tenant_checks c using gone where c.tenant_id = gone.id
), imports as (
    delete from tenantry.imports i using gone where i.tenant_id = gone.id
), findings as (
    delete from tenantry.findings f using gone where f.tenant_id = gone.id
), items as (
    update tenantry.operation_items i
    set input = '{}', tenant_name = null, domain = null, schema_name = null, result = null,
        error_message = case when i.error_message is not null then 'erased' end
    from gone where i.tenant_id = gone.id
    returning i.id, i.tenant_id, i.operation_id
), attempts as (
    update tenantry.item_attempts a set message = 'erased'
    from items where a.item_id = items.id and a.message <> 'erased'
    returning items.tenant_id
), audit as (
    update tenantry.audit_log a set personal = null
    from gone where a.tenant_id = gone.id and a.personal is not null
    returning a.tenant_id
), operations as (
    -- what was asked of this tenant alone
    update tenantry.operations o set params = o.params - '{reason,patch}'::text[]
    from items where o.id = items.operation_id and o.total = 1 and o.kind <> 'provision'
)
select gone.id as "id!", gone.names_held_until,
    (select count(*) from keys k where k.tenant_id = gone.id) as "keys!",
    (select count(*) from items i where i.tenant_id = gone.id) as "items!",
    (select count(*) from attempts a where a.tenant_id = gone.id) as "attempts!",
    (select count(*) from audit a where a.tenant_id = gone.id) as "audit!"
from gone
