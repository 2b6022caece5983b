//! Schemas and roles against the registry: each of a tenant's bears its mark, and each that bears
//! this installation's mark is the one of its tenant.
//!
//! Roles belong to the whole cluster; the mark and the name both carry the installation.

use domain::{RoleName, SchemaName, TenantId};
use serde_json::json;
use sqlx::PgConnection;
use store::audit::Entry;
use tenantdb::{Mark, Owner, role, schema};

use crate::{
    check::checks,
    registered,
    repair::{Repair, Repaired, Stop},
};

checks! {
    WrongMark, Schema:
        "select t.schema_name,
                format('schema %s is that of tenant %s and does not bear its mark', t.schema_name, t.id),
                false
         from tenantry.tenants t
         join schemas n on n.name = t.schema_name
         where (t.state in ('active', 'suspended') or (t.state = 'deleting' and t.purge_began_at is null))
           and n.tenant is distinct from t.id";

    WrongMark, Role:
        "select t.role_name,
                format('role %s is that of tenant %s and does not bear its mark', t.role_name, t.id),
                false
         from tenantry.tenants t
         join roles r on r.name = t.role_name
         where (t.state in ('active', 'suspended') or (t.state = 'deleting' and t.purge_began_at is null))
           and r.tenant is distinct from t.id";

    // One that is told as that of another tenant already is not told twice.
    WrongMark, Schema:
        "select n.name::text,
                format('schema %s bears the mark of tenant %s, whose schema is %s', n.name, t.id, t.schema_name),
                false
         from schemas n
         join tenantry.tenants t on t.id = n.tenant and t.state not in ('deleted', 'released')
         where t.schema_name <> n.name
           and not exists (select from tenantry.spares p where p.id = n.tenant)
           and not exists (select from tenantry.tenants o
                           where o.schema_name = n.name and o.state in ('active', 'suspended'))";

    // A role's name and its mark say the same.
    WrongMark, Role:
        "select r.name::text,
                format('role %s bears the mark of tenant %s, whose role %s', r.name, r.tenant,
                       coalesce('is ' || t.role_name, 'has another name')),
                false
         from roles r
         cross join scope s
         left join tenantry.tenants t on t.id = r.tenant and t.state not in ('deleted', 'released')
         where r.tenant is not null
           and r.name <> coalesce(t.role_name, format('tn_%s_%s', s.installation, r.tenant))
           and not exists (select from tenantry.spares p where p.id = r.tenant)
           and not exists (select from tenantry.tenants o
                           where t.id is not null
                             and o.role_name = r.name and o.state in ('active', 'suspended'))";

    // What is missing of a spare is told by the pool's own check. Only a name that Tenantry makes is
    // repaired.
    SchemaWithoutTenant, Schema:
        "select n.name::text,
                format('schema %s bears the mark of tenant %s, which %s', n.name, n.tenant,
                       coalesce('is ' || t.state, 'does not exist')),
                n.name ~ '^[a-z_][a-z0-9_]*$' and not starts_with(n.name, 'pg_')
                    and n.name not in ('public', 'information_schema', 'tenantry', 'apalis')
         from schemas n
         left join tenantry.tenants t on t.id = n.tenant
         where n.tenant is not null
           and coalesce(t.state in ('deleted', 'released'), true)
           and not exists (select from tenantry.spares p where p.id = n.tenant)";

    RoleWithoutTenant, Role:
        "select r.name::text,
                format('role %s bears the mark of tenant %s, which %s', r.name, r.tenant,
                       coalesce('is ' || t.state, 'does not exist')),
                true
         from roles r
         cross join scope s
         left join tenantry.tenants t on t.id = r.tenant
         where r.name = format('tn_%s_%s', s.installation, r.tenant)
           and coalesce(t.state in ('deleted', 'released'), true)
           and not exists (select from tenantry.spares p where p.id = r.tenant)";
}

/// Drops a schema whose tenant is gone or was never there; only one that bears our mark.
pub(crate) async fn drop_schema<'a>(cx: &mut Repair<'a>, name: &str) -> Repaired<'a> {
    let parsed = SchemaName::from_registry(name.to_owned()).map_err(not_ours)?;
    let mark = ours(schema::owner(cx.conn, &parsed).await?, cx)?;
    prove_gone(cx.conn, mark.tenant).await?;
    if !schema::drop_owned(cx.conn, &parsed, &mark).await? {
        return Err(Stop::Gone);
    }
    let personal = json!({ "schema": name });
    Ok(Entry { personal, ..cx.did_to(mark.tenant, "schema.dropped", json!({})) })
}

/// Drops a role whose tenant is gone or was never there; only one that bears our mark, and our name
/// for the tenant in it.
pub(crate) async fn drop_role<'a>(cx: &mut Repair<'a>, name: &str) -> Repaired<'a> {
    let parsed = RoleName::parse(name).map_err(not_ours)?;
    let mark = ours(role::owner(cx.conn, &parsed).await?, cx)?;
    if parsed != RoleName::of(&mark.installation, mark.tenant) {
        return Err(Stop::Refused("its name and its mark do not agree".to_owned()));
    }
    prove_gone(cx.conn, mark.tenant).await?;
    if let Some(grant) = role::missing_right(cx.conn, &parsed).await? {
        return Err(Stop::Refused(format!("the connected role may not drop it (run: {grant})")));
    }
    if !role::drop_owned(cx.conn, &parsed, &mark).await? {
        return Err(Stop::Gone);
    }
    Ok(cx.did_to(mark.tenant, "role.dropped", json!({ "role": name })))
}

fn not_ours<E>(_: E) -> Stop {
    Stop::Refused("its name is none that Tenantry makes".to_owned())
}

/// The mark, if it is this installation's.
fn ours(owner: Owner, cx: &Repair<'_>) -> Result<Mark, Stop> {
    match owner {
        Owner::Marked(mark) if mark.installation == *cx.installation => Ok(mark),
        Owner::Nobody => Err(Stop::Gone),
        _ => Err(Stop::Refused("it does not bear our mark".to_owned())),
    }
}

/// Holds the tenant, and refuses unless it is gone or was never there, and nothing has to do with it.
async fn prove_gone(conn: &mut PgConnection, id: TenantId) -> Result<(), Stop> {
    let tenant = registered::hold(conn, id).await?;
    if let Some(tenant) = tenant.filter(|tenant| !tenant.is_gone()) {
        return Err(Stop::Refused(format!("tenant {id} is {}", tenant.state)));
    }
    if registered::is_claimed(conn, id).await? {
        return Err(Stop::Refused(format!("an item or the pool has tenant {id}")));
    }
    Ok(())
}
