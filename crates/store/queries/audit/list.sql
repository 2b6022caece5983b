-- $1 tenant, $2 operation, $3 actor, $4 action, $5 since, $6 and $7 the time and id that the page ends before,
-- $8 rows, $9 on behalf of. The parameters leave one branch, which reads its own index. `is true` and `is not false` keep the
-- other filters from choosing an index: an actor may have millions of rows.
select
    (entry).id as "id!",
    (entry).at as "at!",
    (entry).actor as "actor!",
    (entry).action as "action!",
    (entry).tenant_id,
    (entry).operation_id,
    (entry).role,
    (entry).on_behalf_of,
    (entry).request_id,
    (entry).address,
    (entry).detail as "detail!",
    (entry).personal - 'salt' as personal
from (
    (
        select a from tenantry.audit_log a
        where tenant_id = $1
          and ($2::uuid is null or (operation_id = $2) is true)
          and (actor = $3) is not false and (action = $4) is not false
          and ($9::text is null or (on_behalf_of = $9) is true)
          and at >= coalesce($5, timestamptz '-infinity')
          and (at, id) < (coalesce($6, timestamptz 'infinity'), coalesce($7, 9223372036854775807))
        order by at desc, id desc limit $8
    ) union all (
        select a from tenantry.audit_log a
        where operation_id = $2 and $1::bigint is null
          and (actor = $3) is not false and (action = $4) is not false
          and ($9::text is null or (on_behalf_of = $9) is true)
          and at >= coalesce($5, timestamptz '-infinity')
          and (at, id) < (coalesce($6, timestamptz 'infinity'), coalesce($7, 9223372036854775807))
        order by at desc, id desc limit $8
    ) union all (
        select a from tenantry.audit_log a
        where on_behalf_of = $9 and $1::bigint is null and $2::uuid is null
          and (actor = $3) is not false and (action = $4) is not false
          and at >= coalesce($5, timestamptz '-infinity')
          and (at, id) < (coalesce($6, timestamptz 'infinity'), coalesce($7, 9223372036854775807))
        order by at desc, id desc limit $8
    ) union all (
        select a from tenantry.audit_log a
        where actor = $3 and action = $4 and $1::bigint is null and $2::uuid is null
          and $9::text is null
          and at >= coalesce($5, timestamptz '-infinity')
          and (at, id) < (coalesce($6, timestamptz 'infinity'), coalesce($7, 9223372036854775807))
        order by at desc, id desc limit $8
    ) union all (
        select a from tenantry.audit_log a
        where actor = $3 and $4::text is null and $1::bigint is null and $2::uuid is null
          and $9::text is null
          and at >= coalesce($5, timestamptz '-infinity')
          and (at, id) < (coalesce($6, timestamptz 'infinity'), coalesce($7, 9223372036854775807))
        order by at desc, id desc limit $8
    ) union all (
        select a from tenantry.audit_log a
        where action = $4 and $3::text is null and $1::bigint is null and $2::uuid is null
          and $9::text is null
          and at >= coalesce($5, timestamptz '-infinity')
          and (at, id) < (coalesce($6, timestamptz 'infinity'), coalesce($7, 9223372036854775807))
        order by at desc, id desc limit $8
    ) union all (
        select a from tenantry.audit_log a
        where $1::bigint is null and $2::uuid is null and $3::text is null and $4::text is null
          and $9::text is null
          and at >= coalesce($5, timestamptz '-infinity')
          and (at, id) < (coalesce($6, timestamptz 'infinity'), coalesce($7, 9223372036854775807))
        order by at desc, id desc limit $8
    )
) found (entry)
order by (entry).at desc, (entry).id desc
