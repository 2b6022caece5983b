//! The tenants' group and the makers of their roles: each has the powers that it was given, and no more.

use crate::{
    Kind, Subject,
    check::{Check, finds},
};

pub(crate) const CHECK: Check = Check {
    kind: Kind::SystemRoleDiffers,
    subject: Subject::role,
    sql: finds!(
        "select r.rolname::text, format('role %s %s', r.rolname, fault.sentence), false
         from scope s
         join lateral (
             select g.*, false as maker from pg_catalog.pg_roles g
             where g.rolname = format('tn_%s_tenants', s.installation)::name
             union all
             select m.*, true from pg_catalog.pg_roles m
             where m.rolname >= format('tn_%s_maker_', s.installation)::name
               and m.rolname < format('tn_%s_maker_~', s.installation)::name
         ) r on true
         left join pg_catalog.pg_proc p on r.maker
             and p.oid = to_regprocedure(format('tenantry.%I(text)', r.rolname))
         cross join lateral (select concat_ws(' and ',
             case when r.rolcanlogin then 'may log in' end,
             case when r.rolsuper or r.rolcreatedb or r.rolreplication or r.rolbypassrls
                       or r.rolcreaterole <> r.maker
                  then 'has other powers than it was given' end,
             case when not r.maker then (
                 select 'is in group ' || string_agg(m.roleid::regrole::text, ', ')
                 from pg_catalog.pg_auth_members m where m.member = r.oid) end,
             case when r.maker then (
                 select format('lets %s call its function', string_agg(
                     case x.grantee when 0 then 'PUBLIC' else x.grantee::regrole::text end, ', '))
                 from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) x,
                     pg_catalog.pg_namespace n
                 where n.nspname = 'tenantry' and x.grantee not in (p.proowner, n.nspowner)
                 having count(*) > 0) end
         )) as fault (sentence)
         where fault.sentence <> ''"
    ),
};
