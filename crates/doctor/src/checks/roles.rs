//! Roles that are no tenant's: the group, the makers of roles, the application's; and who may log in as
//! a tenant.

use serde_json::json;
use sqlx::PgConnection;
use tenantdb::application_role;

use crate::{
    Kind, Subject,
    check::checks,
    repair::{Repair, Repaired},
    report::Gatherer,
};

/// Roles named in a finding.
const NAMED: usize = 10;

/// Part of the limit from which on it is told how many tenants there are, in percent.
const TOLD_FROM: u64 = 80;

checks! {
    MakerBroken, Role:
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
                    and m.roleid = to_regrole(format('tn_%s_tenants', scope.installation))::oid)";

    // The tenants' group and the makers have the powers that they were given, and no more.
    SystemRoleDiffers, Role:
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
         where fault.sentence <> ''";

    // Default privileges of the owner that open each new tenant's schema to others: no tenant can be
    // made then. What PUBLIC may do with functions is taken back of each, and types lie behind the
    // schema's door; what a tenant's role gets is told with the tenant.
    DefaultRights, Role:
        "select x.grantee,
                format('%s has by default %s that %s makes, so no tenant that has such can be made; run: %s', x.grantee,
                       string_agg(format('%s on %s', x.rights, x.objects), ' and ' order by x.objects), x.owner,
                       string_agg(format('alter default privileges for role %s revoke %s on %s from %s',
                                         x.owner, x.rights, x.objects,
                                         case x.grantee when 'PUBLIC' then 'public' else x.grantee end),
                                  '; ' order by x.objects)),
                false
         from (
             select case a.grantee when 0 then 'PUBLIC' else a.grantee::regrole::text end as grantee,
                    d.defaclrole::regrole::text as owner, k.objects,
                    string_agg(a.privilege_type, ', ') as rights
             from pg_catalog.pg_namespace n
             join pg_catalog.pg_default_acl d on d.defaclrole = n.nspowner and d.defaclnamespace = 0
             join (values ('r', 'tables'), ('S', 'sequences'), ('f', 'functions'), ('T', 'types'), ('n', 'schemas'))
                 k (kind, objects) on k.kind = d.defaclobjtype::text
             cross join lateral pg_catalog.aclexplode(d.defaclacl) a
             cross join scope s
             where n.nspname = 'tenantry' and a.grantee <> d.defaclrole
               and not (a.grantee = 0 and d.defaclobjtype in ('f', 'T'))
               and a.grantee::regrole::text !~ ('^tn_' || s.installation || '_[0-9]+$')
             group by 1, 2, 3
         ) x
         group by x.grantee, x.owner";
}

/// Gives the owner of schema `tenantry` its makers again.
pub(crate) async fn hand_over<'a>(cx: &mut Repair<'a>, name: &str) -> Repaired<'a> {
    tenantdb::hand_over(cx.conn, cx.installation).await?;
    Ok(cx.did("doctor.makers_handed_over", json!({ "role": name })))
}

/// Tells in one finding which roles have a password that `tenantry tenant connect` did not set, if
/// the connected role may see that: a superuser.
pub(crate) async fn passwords(
    conn: &mut PgConnection,
    gatherer: &mut Gatherer<'_>,
) -> sqlx::Result<()> {
    let sees = "select has_table_privilege('pg_catalog.pg_authid', 'select')";
    if !gatherer.scope.wants(Kind::RoleWithPassword)
        || !sqlx::query_scalar::<_, bool>(sees).fetch_one(&mut *conn).await?
    {
        return Ok(());
    }
    let roles: Vec<String> = sqlx::query_scalar(
        "select r.rolname::text from pg_catalog.pg_authid r
         join pg_catalog.pg_shdescription d on d.objoid = r.oid
             and d.classoid = 'pg_catalog.pg_authid'::regclass
         where r.rolpassword is not null and starts_with(d.description, $1)
             and not exists (select from tenantry.tenants t
                             where t.role_name = r.rolname and t.login_issued_at is not null)
         order by r.rolname",
    )
    .bind(format!("tenantry:{}:", gatherer.installation))
    .fetch_all(&mut *conn)
    .await?;
    if roles.is_empty() {
        return Ok(());
    }
    let more = if roles.len() > NAMED { ", …" } else { "" };
    let named = roles[..roles.len().min(NAMED)].join(", ");
    let all = roles.len();
    let sentence =
        format!("{all} of the roles have a password that Tenantry did not give: {named}{more}");
    let database = sqlx::query_scalar("select current_database()::text").fetch_one(conn).await?;
    gatherer.add(Kind::RoleWithPassword, Subject::Database(database), sentence, false);
    Ok(())
}

/// Tells whether the application's role, if there is to be one, is fit to become every tenant, and
/// has room.
pub(crate) async fn application(
    conn: &mut PgConnection,
    gatherer: &mut Gatherer<'_>,
) -> sqlx::Result<()> {
    let Some(role) = &gatherer.scope.application_role else { return Ok(()) };
    let (subject, limit) = (Subject::Role(role.clone()), gatherer.scope.application_role_limit);
    if gatherer.scope.wants(Kind::ApplicationRoleUnfit) {
        let lacking = application_role::lacking(conn, role).await?;
        if !lacking.is_empty() {
            let sentence = lacking.join("; ");
            gatherer.add(Kind::ApplicationRoleUnfit, subject.clone(), sentence, false);
        }
    }
    if gatherer.scope.wants(Kind::ApplicationRoleFilling) {
        let held = application_role::count(conn, role, limit).await?;
        if u64::from(held) * 100 >= u64::from(limit) * TOLD_FROM {
            let sentence = format!(
                "role {role} may become {limit} tenants (tenants.application_role_limit), and is a \
                 member of {held} roles of tenants and spares already"
            );
            gatherer.add(Kind::ApplicationRoleFilling, subject, sentence, false);
        }
    }
    Ok(())
}
