-- One of five branches reads anything, each an index in its order.
select id as "id!", kind as "kind!", subject_type as "subject_type!", subject_id as "subject_id!", tenant_id,
    sentence as "sentence!", fixable as "fixable!", first_seen as "first_seen!", last_seen as "last_seen!", closed_at
from (
    (select * from tenantry.findings
     where $2::bigint is not null and tenant_id = $2 and id < $4
       and (closed_at is not null) = $1 and ($3::text is null or kind = $3)
     order by id desc limit $5)
    union all
    (select * from tenantry.findings
     where not $1 and $2 is null and $3 is not null and closed_at is null and kind = $3 and id < $4
     order by id desc limit $5)
    union all
    (select * from tenantry.findings
     where $1 and $2 is null and $3 is not null and closed_at is not null and kind = $3 and id < $4
     order by id desc limit $5)
    union all
    (select * from tenantry.findings
     where not $1 and $2 is null and $3 is null and closed_at is null and id < $4
     order by id desc limit $5)
    union all
    (select * from tenantry.findings
     where $1 and $2 is null and $3 is null and closed_at is not null and id < $4
     order by id desc limit $5)
) found
order by id desc
limit $5
