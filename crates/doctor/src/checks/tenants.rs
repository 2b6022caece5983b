//! Tenants in the registry: that their rows agree and belong to one item, and that schema and role are
//! there.

use domain::{RoleName, SchemaName, TenantId};
use serde_json::{Value, json};
use sqlx::PgConnection;
use tenantdb::{Mark, Owner, application_role, grants, ledger, role, schema};

use crate::{
    check::checks,
    registered::{self, Registered},
    repair::{Deed, Stop, Surgery},
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
         cross join scope s
         cross join lateral (select format('tenantry:%s:%s', s.installation, t.id)) as marks (own)
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
                   or exists (select from schemas n where n.name = t.schema_name and n.mark = marks.own)
                   or exists (select from roles r where r.name = t.role_name and r.mark = marks.own)))";

    TenantWithoutSchema, Tenant:
        "select t.id::text,
                format('tenant %s is %s and its schema %s does not exist', t.id, t.state, t.schema_name),
                false
         from tenantry.tenants t
         where t.state in ('active', 'suspended')
           and not exists (select from pg_catalog.pg_namespace n where n.nspname = t.schema_name)";

    TenantWithoutRole, Tenant:
        "select t.id::text,
                format('tenant %s is %s and its role %s does not exist', t.id, t.state, t.role_name),
                exists (select from pg_catalog.pg_namespace n where n.nspname = t.schema_name)
         from tenantry.tenants t
         where t.state in ('active', 'suspended')
           and not exists (select from pg_catalog.pg_roles r where r.rolname = t.role_name)";
}

/// Takes a reservation back, with whatever bears the tenant's mark.
pub(crate) async fn release(
    conn: &mut PgConnection,
    id: TenantId,
    surgery: &Surgery<'_>,
) -> Result<Deed, Stop> {
    let tenant = registered::hold(conn, id).await?;
    let tenant = tenant.filter(|tenant| tenant.state == "pending").ok_or(Stop::Gone)?;
    if registered::is_claimed(conn, id).await? {
        return Err(Stop::Gone);
    }
    let dropped = take_back(conn, id, &tenant, surgery).await?;
    Ok(Deed::new("tenant.released", json!({ "dropped": dropped })).to(id))
}

/// Drops what bears the pending tenant's mark, revokes its keys and releases its names. Says what
/// of schema and role was there.
pub(super) async fn take_back(
    conn: &mut PgConnection,
    id: TenantId,
    tenant: &Registered,
    surgery: &Surgery<'_>,
) -> sqlx::Result<Value> {
    let (schema, role) = tenant.names()?;
    let dropped = drop_both(conn, &schema, &role, &surgery.mark(id)).await?;
    ledger::forget(conn, id).await?;
    store::api_keys::withdraw(conn, id).await?;
    store::tenants::release(conn, id).await?;
    Ok(dropped)
}

/// Drops schema and role if they bear `mark`; says which did.
pub(super) async fn drop_both(
    conn: &mut PgConnection,
    schema_name: &SchemaName,
    role_name: &RoleName,
    mark: &Mark,
) -> sqlx::Result<Value> {
    let schema_dropped = schema::drop_owned(conn, schema_name, mark).await?;
    let role_dropped = role::drop_owned(conn, role_name, mark).await?;
    Ok(json!({
        "schema": schema_dropped.then_some(schema_name.as_str()),
        "role": role_dropped.then_some(role_name.as_str()),
    }))
}

/// Makes a role anew, as no dump of a database has roles: only while its name is free, and only if
/// the schema bears the tenant's mark.
pub(crate) async fn make_role(
    conn: &mut PgConnection,
    id: TenantId,
    surgery: &Surgery<'_>,
) -> Result<Deed, Stop> {
    let tenant = registered::hold(conn, id).await?.ok_or(Stop::Gone)?;
    if !matches!(tenant.state.as_str(), "active" | "suspended") {
        return Err(Stop::Gone);
    }
    let (schema, role) = tenant.names()?;
    if role::owner(conn, &role).await? != Owner::Nobody {
        return Err(Stop::Gone);
    }
    surgery.refuse_unfit(conn).await?;
    let mark = surgery.mark(id);
    if !schema::owner(conn, &schema).await?.is(&mark) {
        return Err(Stop::Refused(format!("schema {schema} does not bear the tenant's mark")));
    }
    let group = role.its_group();
    if role::owner(conn, &group).await? == Owner::Nobody {
        let remedy = "run `tenantry migrate public up` first";
        return Err(Stop::Refused(format!("group role {group} does not exist: {remedy}")));
    }
    let limit = surgery.scope.connection_limit;
    let owner = role::claim(conn, &role, &schema, limit, &mark, surgery.path()).await?;
    if !owner.is(&mark) {
        return Err(Stop::Refused(format!("role {role} was taken at this moment")));
    }
    if let Some(application) = &surgery.scope.application_role {
        application_role::grant(conn, std::slice::from_ref(&role), application).await?;
    }
    grants::regrant(conn, &schema, &role).await?;
    Ok(Deed::new("role.created", json!({ "role": role.as_str() })).to(id))
}
