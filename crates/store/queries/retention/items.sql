-- $1 items. Rows are found by index whatever the planner's statistics say: by lists of keys.
with doomed as (
    select i.id
    from tenantry.pruned_operations p
    cross join lateral (
        select id from tenantry.operation_items where operation_id = p.operation_id limit $1) i
    limit $1
), stages as (
    delete from tenantry.checkpoints where item_id = any(array(select id from doomed))
), tries as (
    delete from tenantry.item_attempts where item_id = any(array(select id from doomed))
)
delete from tenantry.operation_items where id = any(array(select id from doomed))
