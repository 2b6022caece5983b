-- $1 the month's first day, $2 the last id that was read, $3 rows. The bounds leave one partition, and the
-- default one.
select line.id as "id!", row_to_json(line)::text as "line!"
from (
    select id,
           to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at,
           actor, action, tenant_id, operation_id, role, on_behalf_of, request_id, address, detail,
           personal, encode(personal_digest, 'hex') as personal_digest
    from tenantry.audit_log
    where at >= $1::date::timestamp at time zone 'UTC'
      and at < ($1::date + interval '1 month') at time zone 'UTC'
      and id > $2
    order by id
    limit $3
) line
