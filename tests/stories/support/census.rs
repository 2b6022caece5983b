//! What the database really holds, against what the registry says.

use std::collections::BTreeMap;

use sqlx::PgPool;

/// Everything that is there for no tenant that is active, suspended or to be deleted, is missing for one, or bears a wrong mark.
const ORPHANS: &str = "
with inst as (
    select id from tenantry.installation
), live as (
    select t.id, t.schema_name, t.role_name, format('tenantry:%s:%s', inst.id, t.id) as mark
    from tenantry.tenants t, inst where t.state in ('active', 'suspended', 'deleting')
), spare as (
    select format('tenantry_spare_%s_', s.id) as schema_name,
           format('tn_%s_%s', inst.id, s.id) as role_name,
           format('tenantry:%s:%s', inst.id, s.id) as mark
    from tenantry.spares s, inst
), space as (
    select nspname, obj_description(oid, 'pg_namespace') as mark from pg_namespace
    where nspname !~ '^pg_' and nspname not in ('information_schema', 'public', 'tenantry', 'tenantry_extensions', 'apalis')
), actor as (
    select r.rolname, shobj_description(r.oid, 'pg_authid') as mark from pg_roles r, inst
    where r.rolname ~ format('^tn_%s_[0-9]+$', inst.id)
)
select 'a schema of nobody: ' || nspname from space
    where not exists (select from live where schema_name = nspname)
      and not exists (select from spare where schema_name = nspname and spare.mark = space.mark)
union all select 'a role of nobody: ' || rolname from actor
    where not exists (select from live where role_name = rolname)
      and not exists (select from spare where role_name = rolname and spare.mark = actor.mark)
union all select 'a spare that is not whole: ' || p.schema_name from spare p
    where not exists (select from space s where s.nspname = p.schema_name)
       or not exists (select from actor r where r.rolname = p.role_name)
union all select 'a key of nobody: ' || k.id from tenantry.api_keys k
    where k.revoked_at is null and not exists (select from live where live.id = k.tenant_id)
union all select 'a tenant without schema of its mark: ' || a.id from live a
    where not exists (select from space s where s.nspname = a.schema_name and s.mark = a.mark)
union all select 'a tenant without role of its mark: ' || a.id from live a
    where not exists (select from actor r where r.rolname = a.role_name and r.mark = a.mark)
union all select format('tenant %s has %s live keys', a.id, count(k.id)) from live a
    left join tenantry.api_keys k on k.tenant_id = a.id and k.revoked_at is null
        and (k.expires_at is null or k.expires_at > now())
    group by a.id having count(k.id) <> 1
union all select format('tenant %s was activated %s times', a.id, count(l.id)) from live a
    left join tenantry.audit_log l on l.tenant_id = a.id and l.action = 'tenant.activated'
    group by a.id having count(l.id) <> 1
union all select format('tenant %s is %s', id, state) from tenantry.tenants
    where state not in ('active', 'suspended', 'deleting', 'deleted', 'released')";

/// What does not match, in words. Call it when nothing is under way.
pub(crate) async fn orphans(pool: &PgPool) -> Vec<String> {
    sqlx::query_scalar(ORPHANS).fetch_all(pool).await.unwrap()
}

/// This installation's id.
pub(crate) async fn installation(pool: &PgPool) -> String {
    sqlx::query_scalar("select id from tenantry.installation").fetch_one(pool).await.unwrap()
}

/// Every schema that is neither PostgreSQL's nor Tenantry's own, with its comment.
pub(crate) async fn schemas(pool: &PgPool) -> BTreeMap<String, Option<String>> {
    let rows: Vec<(String, Option<String>)> = sqlx::query_as(
        "select nspname, obj_description(oid, 'pg_namespace') from pg_namespace
         where nspname !~ '^pg_'
           and nspname not in ('information_schema', 'public', 'tenantry', 'tenantry_extensions', 'apalis')",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    rows.into_iter().collect()
}

/// Every role of this installation's tenants.
pub(crate) async fn roles(pool: &PgPool) -> Vec<String> {
    sqlx::query_scalar(
        "select rolname from pg_roles, tenantry.installation i
         where rolname ~ format('^tn_%s_[0-9]+$', i.id)
         order by rolname",
    )
    .fetch_all(pool)
    .await
    .unwrap()
}
