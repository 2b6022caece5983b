-- A row for each member of role $1 that should not be there, when $3 is the application's role: who it
-- is, the statement that ends the membership, and whether one of the makers ($2) gave it. The same as
-- the last but one rule of `rights.sql`.
select pg_get_userbyid(m.member)::text,
    format('revoke %I from %I', $1::text, pg_get_userbyid(m.member))
        || case when current_setting('server_version_num')::int < 160000 then ''
                else format(' granted by %I', pg_get_userbyid(m.grantor)) end,
    starts_with(pg_get_userbyid(m.grantor)::text, $2)
from pg_catalog.pg_auth_members m
where m.roleid = to_regrole(quote_ident($1))::oid
    and not (m.member = coalesce(to_regrole(quote_ident($3))::oid, 0) and not m.admin_option
        and coalesce((to_jsonb(m) ->> 'set_option')::boolean, true)
        and not coalesce((to_jsonb(m) ->> 'inherit_option')::boolean, false))
    and m.member <> to_regrole(quote_ident(current_user))::oid
    and m.member is distinct from (select n.nspowner from pg_catalog.pg_namespace n where n.nspname = 'tenantry')
    and not starts_with(pg_get_userbyid(m.member)::text, $2)
order by 1, 2
