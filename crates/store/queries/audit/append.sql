-- $1 actor, $2 action, $3 tenant, $4 operation, $5 role, $6 on behalf of, $7 request, $8 address, $9 detail,
-- $10 the personal part. Its salt keeps the digest from telling what it was once it is erased.
insert into tenantry.audit_log
    (actor, action, tenant_id, operation_id, role, on_behalf_of, request_id, address, detail, personal,
     personal_digest)
select $1, $2, $3, $4, $5, $6, $7, $8, $9, salted, sha256(convert_to(salted::text, 'UTF8'))
from (select $10::jsonb || jsonb_build_object('salt', gen_random_uuid()) as salted) personal
