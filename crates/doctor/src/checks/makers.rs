//! Makers of roles that the owner of schema `tenantry` cannot use.

use crate::{
    Kind, Subject,
    check::{Check, finds},
};

pub(crate) const CHECK: Check = Check {
    kind: Kind::MakerBroken,
    subject: Subject::role,
    sql: finds!(
        "select r.rolname::text,
                format('role %s makes tenants'' roles, and %s', r.rolname,
                       case when f.runner is null then 'its function is gone'
                            when not has_function_privilege(o.owner, f.runner, 'execute')
                                then format('%s may not call its function', o.owner)
                            when not r.rolcreaterole then 'it may not make roles'
                            else 'it may not take them into the tenants'' group' end),
                true
         from scope
         join pg_catalog.pg_roles r
             on r.rolname >= format('tn_%s_maker_', scope.installation)::name
                and r.rolname < format('tn_%s_maker_~', scope.installation)::name
         join (select n.nspowner as owner from pg_catalog.pg_namespace n
               join pg_catalog.pg_roles p on p.oid = n.nspowner
               where n.nspname = 'tenantry' and not p.rolsuper) w on true
         join lateral (select pg_get_userbyid(w.owner) as owner) o on true
         join lateral (select to_regprocedure(format('tenantry.%I(text)', r.rolname))::oid as runner) f on true
         where f.runner is null or not has_function_privilege(o.owner, f.runner, 'execute')
            or not r.rolcreaterole
            or not exists (
                select from pg_catalog.pg_auth_members m
                where m.member = r.oid and m.admin_option
                    and m.roleid = to_regrole(format('tn_%s_tenants', scope.installation))::oid)"
    ),
};
