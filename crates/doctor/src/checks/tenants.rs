//! Tenants in the registry: that their rows agree and belong to one item, and that schema and role are
//! there.

use domain::{RoleName, SchemaName, TenantId};
use serde_json::{Value, json};
use tenantdb::{
    Owner, application_role,
    door::{self, Door},
    grants, ledger, role, schema,
};

use crate::{
    check::checks,
    registered::{self, Registered},
    repair::{Repair, Repaired, Stop},
};

checks! {
    TenantInWrongState, Tenant:
        "select t.id::text, format('tenant %s is %s and %s', t.id, t.state, fault.sentence), false
         from tenantry.tenants t
         cross join lateral (select concat_ws(' and ',
             case when jsonb_typeof(t.settings) <> 'object'
                  then format('its settings are not an object but of type %s', jsonb_typeof(t.settings)) end,
             case when t.state in ('active', 'suspended') and t.activated_at is null
                  then 'was never activated' end
         )) as fault (sentence)
         where fault.sentence <> ''";

    TenantOfSeveralItems, Tenant:
        "select i.tenant_id::text,
                format('tenant %s is made by items %s', i.tenant_id, string_agg(i.id::text, ', ' order by i.id)),
                false
         from tenantry.operation_items i
         join tenantry.operations b on b.id = i.operation_id and b.kind = 'provision'
         where i.state not in ('failed', 'cancelled', 'rolled_back')
         group by i.tenant_id
         having count(*) > 1 and i.tenant_id is not null";

    // What items tell as remains is not told twice.
    PendingWithoutItem, Tenant:
        "select t.id::text,
                format('tenant %s is pending, holds %s and schema %s, and no item makes it',
                       t.id, t.domain, t.schema_name),
                true
         from tenantry.tenants t
         where t.state = 'pending'
           and not exists (
               select from tenantry.operation_items i
               where i.tenant_id = t.id and i.state not in ('failed', 'cancelled', 'rolled_back'))
           and not exists (
               select from tenantry.operation_items i
               where i.tenant_id = t.id and (
                   exists (select from tenantry.api_keys k
                           where k.tenant_id = t.id and k.revoked_at is null)
                   or exists (select from tenantry.checkpoints c
                              where c.item_id = i.id and c.undone_at is null)
                   or exists (select from schemas n where n.name = t.schema_name and n.tenant = t.id)
                   or exists (select from roles r where r.name = t.role_name and r.tenant = t.id)))";

    TenantWithoutSchema, Tenant:
        "select t.id::text,
                format('tenant %s is %s and its schema %s does not exist', t.id, t.state, t.schema_name),
                false
         from tenantry.tenants t
         where (t.state in ('active', 'suspended') or (t.state = 'deleting' and t.purge_began_at is null))
           and not exists (select from pg_catalog.pg_namespace n where n.nspname = t.schema_name)";

    TenantWithoutRole, Tenant:
        "select t.id::text,
                format('tenant %s is %s and its role %s does not exist', t.id, t.state, t.role_name),
                exists (select from pg_catalog.pg_namespace n where n.nspname = t.schema_name)
         from tenantry.tenants t
         where (t.state in ('active', 'suspended') or (t.state = 'deleting' and t.purge_began_at is null))
           and not exists (select from pg_catalog.pg_roles r where r.rolname = t.role_name)";

    // While its suspension or deletion is under way, a worker will see to it.
    SuspendedTenantLetIn, Tenant:
        "select t.id::text,
                format('tenant %s is %s and its role %s may %s', t.id, t.state, t.role_name, rights.can),
                true
         from tenantry.tenants t
         join pg_catalog.pg_roles r on r.rolname = t.role_name
         left join pg_catalog.pg_namespace n on n.nspname = t.schema_name
         cross join lateral (select concat_ws(' and ',
             case when r.rolcanlogin then 'log in' end,
             case when exists (select from pg_catalog.aclexplode(n.nspacl) a
                               where a.grantee = r.oid and a.privilege_type = 'USAGE')
                  then 'use schema ' || t.schema_name end
         )) as rights (can)
         where t.state in ('suspended', 'deleting') and rights.can <> ''
           and not exists (
               select from tenantry.operation_items i
               join tenantry.operations o on o.id = i.operation_id and o.kind in ('suspend', 'delete')
               where i.tenant_id = t.id and i.interrupts and i.finished_at is null)";
}

/// Takes from the role of a tenant that is suspended or to be deleted what lets users in.
pub(crate) async fn shut_out<'a>(cx: &mut Repair<'a>, id: TenantId) -> Repaired<'a> {
    let tenant = registered::hold(cx.conn, id).await?;
    let tenant = tenant.filter(|tenant| is_shut(&tenant.state)).ok_or(Stop::Gone)?;
    let (schema, role) = tenant.names()?;
    door::close(cx.conn, Door { role: &role, schema: &schema }).await?;
    Ok(cx.did_to(id, "tenant.shut_out", json!({ "role": role.as_str() })))
}

/// Whether the users of a tenant in this state are kept out.
fn is_shut(state: &str) -> bool {
    matches!(state, "suspended" | "deleting")
}

/// Takes a reservation back, with whatever bears the tenant's mark.
pub(crate) async fn release<'a>(cx: &mut Repair<'a>, id: TenantId) -> Repaired<'a> {
    let tenant = registered::hold(cx.conn, id).await?;
    let tenant = tenant.filter(|tenant| tenant.state == "pending").ok_or(Stop::Gone)?;
    if registered::is_claimed(cx.conn, id).await? {
        return Err(Stop::Gone);
    }
    let dropped = take_back(cx, id, &tenant).await?;
    Ok(cx.did_to(id, "tenant.released", json!({ "dropped": dropped })))
}

/// Drops what bears the pending tenant's mark, revokes its keys and releases its names. Says what
/// of schema and role was there.
pub(super) async fn take_back(
    cx: &mut Repair<'_>,
    id: TenantId,
    tenant: &Registered,
) -> sqlx::Result<Value> {
    let (schema, role) = tenant.names()?;
    let dropped = drop_both(cx, &schema, &role, id).await?;
    ledger::forget(cx.conn, id).await?;
    store::api_keys::withdraw(cx.conn, id).await?;
    store::tenants::release(cx.conn, id).await?;
    Ok(dropped)
}

/// Drops schema and role if they bear the tenant's mark; says which did.
pub(super) async fn drop_both(
    cx: &mut Repair<'_>,
    schema_name: &SchemaName,
    role_name: &RoleName,
    id: TenantId,
) -> sqlx::Result<Value> {
    let mark = &cx.mark(id);
    let schema_dropped = schema::drop_owned(cx.conn, schema_name, mark).await?;
    let role_dropped = role::drop_owned(cx.conn, role_name, mark).await?;
    Ok(json!({ "schema": schema_dropped, "role": role_dropped }))
}

/// Makes a role anew, as no dump of a database has roles: only while its name is free, and only if
/// the schema bears the tenant's mark.
pub(crate) async fn make_role<'a>(cx: &mut Repair<'a>, id: TenantId) -> Repaired<'a> {
    let tenant = registered::hold(cx.conn, id).await?.ok_or(Stop::Gone)?;
    if tenant.state != "active" && !is_shut(&tenant.state) {
        return Err(Stop::Gone);
    }
    let (schema, role) = tenant.names()?;
    if role::owner(cx.conn, &role).await? != Owner::Nobody {
        return Err(Stop::Gone);
    }
    cx.refuse_unfit().await?;
    let mark = cx.mark(id);
    if !schema::owner(cx.conn, &schema).await?.is_of(&mark) {
        return Err(Stop::Refused(format!("schema {schema} does not bear the tenant's mark")));
    }
    let group = role.its_group();
    if role::owner(cx.conn, &group).await? == Owner::Nobody {
        let remedy = "run `tenantry migrate public up` first";
        return Err(Stop::Refused(format!("group role {group} does not exist: {remedy}")));
    }
    let limit = cx.scope.connection_limit;
    let owner =
        role::claim(cx.conn, &role, &schema, limit, &mark, cx.scope.migrations.path()).await?;
    if !owner.is(&mark) {
        return Err(Stop::Refused(format!("role {role} was taken at this moment")));
    }
    if let Some(application) = &cx.scope.application_role {
        application_role::grant(cx.conn, std::slice::from_ref(&role), application).await?;
    }
    grants::regrant(cx.conn, &schema, &role).await?;
    if is_shut(&tenant.state) {
        door::close(cx.conn, Door { role: &role, schema: &schema }).await?;
    }
    Ok(cx.did_to(id, "role.created", json!({ "role": role.as_str() })))
}
