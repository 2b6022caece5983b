//! Schemas and roles against the registry: each of a tenant's bears its mark, and each that bears
//! this installation's mark is the one of its tenant.
//!
//! Roles belong to the whole cluster; the mark and the name both carry the installation.

use std::collections::{HashMap, HashSet};

use domain::{InstallationId, RoleName, SchemaName, TenantId};
use serde_json::json;
use sqlx::{FromRow, PgConnection, Row};
use tenantdb::{Mark, Owner, role, schema};

use crate::{
    Kind, Subject,
    check::checks,
    pages::Pages,
    registered::{self, Registered},
    repair::{Repair, Repaired, Stop},
    report::Gatherer,
};

/// Objects read at a time.
const PAGE: i64 = 1_000;

checks! {
    WrongMark, Schema:
        "select t.schema_name,
                format('schema %s is that of tenant %s and does not bear its mark', t.schema_name, t.id),
                false
         from tenantry.tenants t
         cross join scope s
         join schemas n on n.name = t.schema_name
         where t.state in ('active', 'suspended')
           and n.mark is distinct from format('tenantry:%s:%s', s.installation, t.id)";

    WrongMark, Role:
        "select t.role_name,
                format('role %s is that of tenant %s and does not bear its mark', t.role_name, t.id),
                false
         from tenantry.tenants t
         cross join scope s
         join roles r on r.name = t.role_name
         where t.state in ('active', 'suspended')
           and r.mark is distinct from format('tenantry:%s:%s', s.installation, t.id)";
}

/// A catalogue of the server whose objects bear marks.
struct Catalogue {
    noun: &'static str,
    subject: fn(String) -> Subject,
    /// What an object without a tenant is told as.
    orphan: Kind,
    /// What the registry calls the tenant's.
    own: fn(&Registered) -> &str,
    /// Whether an object without a tenant may be dropped; `None` if its name and its mark disagree.
    droppable: fn(&str, &InstallationId, TenantId) -> Option<bool>,
    /// Names and comments after `$1`, of those whose comment begins with `$3`.
    page: &'static str,
}

const SCHEMAS: Catalogue = Catalogue {
    noun: "schema",
    subject: Subject::Schema,
    orphan: Kind::SchemaWithoutTenant,
    own: |tenant| &tenant.schema_name,
    droppable: |name, _, _| Some(registered::schema_name(name).is_ok()),
    page: "select n.nspname::text, d.description
           from pg_catalog.pg_namespace n
           join pg_catalog.pg_description d on d.objoid = n.oid and d.objsubid = 0
               and d.classoid = 'pg_catalog.pg_namespace'::regclass
           where n.nspname > $1::text::name and starts_with(d.description, $3)
           order by n.nspname limit $2",
};

const ROLES: Catalogue = Catalogue {
    noun: "role",
    subject: Subject::Role,
    orphan: Kind::RoleWithoutTenant,
    own: |tenant| &tenant.role_name,
    droppable: |name, us, tenant| (RoleName::of(us, tenant).as_str() == name).then_some(true),
    page: "select r.rolname::text, d.description
           from pg_catalog.pg_roles r
           join pg_catalog.pg_shdescription d on d.objoid = r.oid
               and d.classoid = 'pg_catalog.pg_authid'::regclass
           where r.rolname > $1::text::name and starts_with(d.description, $3)
           order by r.rolname limit $2",
};

/// Finds schemas and roles without tenant, and those whose tenant has another one.
pub(crate) async fn walk(conn: &mut PgConnection, gatherer: &mut Gatherer<'_>) -> sqlx::Result<()> {
    gatherer.report.checked.schemas = over(conn, &SCHEMAS, gatherer).await?;
    gatherer.report.checked.roles = over(conn, &ROLES, gatherer).await?;
    Ok(())
}

/// Holds each object of the catalogue that bears our mark against the registry; counts them.
async fn over(
    conn: &mut PgConnection,
    catalogue: &Catalogue,
    gatherer: &mut Gatherer<'_>,
) -> sqlx::Result<u64> {
    if !gatherer.scope.wants_any(&[catalogue.orphan, Kind::WrongMark]) {
        return Ok(0);
    }
    let mark = format!("tenantry:{}:", gatherer.installation);
    let page =
        |after: String| sqlx::query(catalogue.page).bind(after).bind(PAGE).bind(mark.clone());
    let (mut pages, mut checked) = (Pages(String::new()), 0);
    while let Some(rows) = pages.next(conn, page).await? {
        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            // the group's comment is no mark
            if let Some(mark) = Mark::parse(row.try_get(1)?) {
                found.push((row.try_get::<String, _>(0)?, mark.tenant));
            }
        }
        let ids: Vec<i64> = found.iter().map(|(_, tenant)| tenant.get()).collect();
        // what is missing of a spare is told by the pool's own check
        let spares = spares(conn, &ids).await?;
        found.retain(|(_, tenant)| !spares.contains(&tenant.get()));
        let tenants = registered(conn, &ids).await?;
        checked += found.len() as u64;
        for (name, tenant) in found {
            judge(catalogue, &name, tenant, tenants.get(&tenant.get()), gatherer);
        }
    }
    Ok(checked)
}

fn judge(
    catalogue: &Catalogue,
    name: &str,
    id: TenantId,
    tenant: Option<&Registered>,
    gatherer: &mut Gatherer<'_>,
) {
    let (noun, subject) = (catalogue.noun, (catalogue.subject)(name.to_owned()));
    let says = format!("{noun} {name} bears the mark of tenant {id}");
    let (kind, sentence, fixable) = match tenant.filter(|tenant| !tenant.is_gone()) {
        // told as that of another tenant already
        Some(_) if gatherer.has(Kind::WrongMark, &subject) => return,
        Some(tenant) => match (catalogue.own)(tenant) {
            own if own == name => return,
            own => (Kind::WrongMark, format!("{says}, whose {noun} is {own}"), false),
        },
        None => match (catalogue.droppable)(name, gatherer.installation, id) {
            None => (Kind::WrongMark, format!("{says}, whose {noun} has another name"), false),
            Some(droppable) => {
                let fate = tenant.map_or("does not exist".into(), |it| format!("is {}", it.state));
                (catalogue.orphan, format!("{says}, which {fate}"), droppable)
            }
        },
    };
    gatherer.add(kind, subject, sentence, fixable);
}

async fn spares(conn: &mut PgConnection, ids: &[i64]) -> sqlx::Result<HashSet<i64>> {
    let spares: Vec<i64> = sqlx::query_scalar("select id from tenantry.spares where id = any($1)")
        .bind(ids)
        .fetch_all(conn)
        .await?;
    Ok(spares.into_iter().collect())
}

/// What the registry says of the tenants in the marks.
async fn registered(
    conn: &mut PgConnection,
    ids: &[i64],
) -> sqlx::Result<HashMap<i64, Registered>> {
    let rows = sqlx::query(
        "select id, state, schema_name, role_name from tenantry.tenants where id = any($1)",
    )
    .bind(ids)
    .fetch_all(conn)
    .await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, Registered::from_row(row)?))).collect()
}

/// Drops a schema whose tenant is gone or was never there; only one that bears our mark.
pub(crate) async fn drop_schema<'a>(cx: &mut Repair<'a>, name: &str) -> Repaired<'a> {
    let parsed = SchemaName::from_registry(name.to_owned()).map_err(not_ours)?;
    let mark = ours(schema::owner(cx.conn, &parsed).await?, cx)?;
    prove_gone(cx.conn, mark.tenant).await?;
    if !schema::drop_owned(cx.conn, &parsed, &mark).await? {
        return Err(Stop::Gone);
    }
    Ok(cx.did_to(mark.tenant, "schema.dropped", json!({ "schema": name })))
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
