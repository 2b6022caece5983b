-- The pace is one row for all workers: who is too early finds it moved on.
with turn as (
    update tenantry.check_schedule set next_at = now() + make_interval(secs => $1)
    where next_at <= now()
    returning one
), due as (
    select c.tenant_id from tenantry.tenant_checks c
    where c.next_due <= now() and exists (select from turn)
    order by c.next_due limit 1
    for update of c skip locked
)
update tenantry.tenant_checks c
set taken_at = now(), next_due = now() + make_interval(secs => $2)
from due where c.tenant_id = due.tenant_id
returning c.tenant_id, c.taken_at as "taken_at!"
