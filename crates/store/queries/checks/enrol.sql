-- A portion of the registry, in the order of ids. Times are spread, so that an upgrade or a large batch makes
-- no storm.
with schedule as (
    select enrolled_to from tenantry.check_schedule where enrol_at <= now() for update skip locked
), portion as (
    select t.id, t.state from schedule s, lateral (
        select id, state from tenantry.tenants where id > s.enrolled_to order by id limit $2
    ) t
), enrolled as (
    insert into tenantry.tenant_checks (tenant_id, next_due)
    select p.id, now() + make_interval(secs => $1::float8 * 0.8 * random()) from portion p
    where p.state in ('active', 'suspended')
    on conflict (tenant_id) do nothing
    returning tenant_id
), moved as (
    update tenantry.check_schedule c
    set enrolled_to = case when p.found = $2 then p.last else 0 end,
        enrol_at = case when p.found = $2 then now() else now() + make_interval(secs => $1::float8 * 0.05) end
    from (select count(*) as found, max(id) as last from portion) p
    where exists (select from schedule)
    returning p.found
)
select (select count(*) from enrolled) as "enrolled!", coalesce((select found from moved), 0) = $2 as "more!"
