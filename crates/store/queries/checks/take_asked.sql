-- Nobody looks at it yet, or who does began before it was asked for, or is gone.
update tenantry.tenant_checks c set taken_at = now()
where c.tenant_id = (
    select a.tenant_id from tenantry.tenant_checks a
    where a.asked_at is not null
      and (a.taken_at is null or a.taken_at < a.asked_at
           or a.taken_at < now() - make_interval(secs => $1))
    order by a.asked_at limit 1
    for update skip locked
)
returning c.tenant_id, c.taken_at as "taken_at!"
