-- $1 days, $2 and $3 the end and the id of the last operation that was looked at, $4 operations to look at.
-- What must stay is passed over, and looked at again in the next round.
with ended as (
    select b.id, b.finished_at
    from tenantry.operations b
    where b.finished_at < now() - make_interval(days => $1) and (b.finished_at, b.id) > ($2, $3)
    order by b.finished_at, b.id
    limit $4
    for update skip locked
), gone as (
    delete from tenantry.operations b
    where b.id = any(array(
        select e.id from ended e
        where not exists (select from tenantry.operation_items i
                          where i.operation_id = e.id and i.state in ('undo_failed', 'stuck'))
          and not exists (select from tenantry.api_keys k
                          where k.operation_id = e.id and k.sealed is not null)))
    returning b.id
), noted as (
    insert into tenantry.pruned_operations (operation_id) select id from gone
), kept as (
    update tenantry.installation
    set operations_kept_from = greatest(operations_kept_from, now() - make_interval(days => $1))
    where exists (select from gone)
)
select e.id, e.finished_at as "finished_at!", (select count(*) from gone) as "pruned!"
from ended e
order by e.finished_at desc, e.id desc
limit 1
