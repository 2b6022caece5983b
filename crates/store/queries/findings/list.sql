select id, kind, subject_type, subject_id, tenant_id, sentence, fixable, first_seen, last_seen, closed_at
from tenantry.findings
where (closed_at is not null) = $1
  and ($2::bigint is null or tenant_id = $2)
  and ($3::text is null or kind = $3)
  and id < $4
order by id desc
limit $5
