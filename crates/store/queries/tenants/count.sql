-- The branches of list.sql.
select count(*) as "count!"
from (
    (
        select from tenantry.tenants
        where $1::text is null and $2::text is null and state not in ('deleted', 'released')
        limit $3
    )
    union all
    (
        select from tenantry.tenants
        where $1::text is not null and $2::text is null and state = $1
        limit $3
    )
    union all
    (
        select from tenantry.tenants
        where $2::text is not null and (lower(name) like lower($2) or domain like $4)
            and case when $1::text is null then state not in ('deleted', 'released') else state = $1 end
        limit $3
    )
) as found
