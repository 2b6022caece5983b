//! Walks the schemas that bear this installation's mark: each must be the one of its tenant.

use std::collections::{HashMap, HashSet};

use domain::{InstallationId, SchemaName, TenantId};
use sqlx::{PgConnection, Row};
use tenantdb::Mark;

use crate::{Kind, Subject, report::Gatherer};

/// Objects read at a time.
const PAGE: i64 = 1_000;

/// A registered tenant, as far as its names go.
#[derive(Debug)]
pub(super) struct Registered {
    pub(super) state: String,
    pub(super) schema: String,
    pub(super) role: String,
}

impl Registered {
    /// Whether nothing of it may be there any more.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self.state.as_str(), "deleted" | "released")
    }
}

/// An object with our mark.
#[derive(Debug)]
pub(super) struct Marked {
    pub(super) name: String,
    pub(super) tenant: TenantId,
}

/// Finds schemas without tenant, and those whose tenant has another one.
pub(crate) async fn walk(
    conn: &mut PgConnection,
    installation: &InstallationId,
    gatherer: &mut Gatherer<'_>,
) -> sqlx::Result<()> {
    if !gatherer.scope.wants_any(&[Kind::SchemaWithoutTenant, Kind::WrongMark]) {
        return Ok(());
    }
    let mut after = String::new();
    loop {
        let rows = page(conn, installation, &after).await?;
        let Some((last, _)) = rows.last() else { return Ok(()) };
        after = last.clone();
        let found = of_no_spare(conn, marked(rows)).await?;
        let tenants = registered(conn, &found).await?;
        gatherer.report.checked.schemas += found.len() as u64;
        for schema in found {
            judge(&schema, tenants.get(&schema.tenant), gatherer);
        }
    }
}

async fn page(
    conn: &mut PgConnection,
    installation: &InstallationId,
    after: &str,
) -> sqlx::Result<Vec<(String, String)>> {
    sqlx::query_as(
        "select n.nspname::text, d.description
         from pg_catalog.pg_namespace n
         join pg_catalog.pg_description d on d.objoid = n.oid and d.objsubid = 0
             and d.classoid = 'pg_catalog.pg_namespace'::regclass
         where n.nspname > $1::text::name and starts_with(d.description, $2)
         order by n.nspname limit $3",
    )
    .bind(after)
    .bind(format!("tenantry:{installation}:"))
    .bind(PAGE)
    .fetch_all(conn)
    .await
}

fn judge(schema: &Marked, tenant: Option<&Registered>, gatherer: &mut Gatherer<'_>) {
    let Marked { name, tenant: id } = schema;
    let subject = Subject::Schema(name.clone());
    match tenant.filter(|tenant| !tenant.is_gone()) {
        None => {
            let fate = tenant.map_or("does not exist".into(), |it| format!("is {}", it.state));
            let sentence = format!("schema {name} bears the mark of tenant {id}, which {fate}");
            let ours = SchemaName::from_registry(name.clone()).is_ok();
            gatherer.add(Kind::SchemaWithoutTenant, subject, sentence, ours);
        }
        // told as that of another tenant already
        Some(_) if gatherer.has(Kind::WrongMark, &subject) => {}
        Some(tenant) if tenant.schema != *name => {
            let own = &tenant.schema;
            let sentence =
                format!("schema {name} bears the mark of tenant {id}, whose schema is {own}");
            gatherer.add(Kind::WrongMark, subject, sentence, false);
        }
        Some(_) => {}
    }
}

/// Those of the objects whose comments are whole marks; the group's is none.
pub(super) fn marked(rows: Vec<(String, String)>) -> Vec<Marked> {
    let marked = rows.into_iter().filter_map(|(name, comment)| {
        Mark::parse(&comment).map(|mark| Marked { name, tenant: mark.tenant })
    });
    marked.collect()
}

/// Those of the objects that belong to none of the pool: what is missing of a spare is told by the
/// pool's own check.
pub(super) async fn of_no_spare(
    conn: &mut PgConnection,
    mut found: Vec<Marked>,
) -> sqlx::Result<Vec<Marked>> {
    let ids: Vec<i64> = found.iter().map(|object| object.tenant.get()).collect();
    let spares: HashSet<i64> =
        sqlx::query_scalar("select id from tenantry.spares where id = any($1)")
            .bind(ids)
            .fetch_all(conn)
            .await?
            .into_iter()
            .collect();
    found.retain(|object| !spares.contains(&object.tenant.get()));
    Ok(found)
}

/// What the registry says of the tenants in the marks.
pub(super) async fn registered(
    conn: &mut PgConnection,
    found: &[Marked],
) -> sqlx::Result<HashMap<TenantId, Registered>> {
    let ids: Vec<i64> = found.iter().map(|object| object.tenant.get()).collect();
    let rows = sqlx::query(
        "select id, state, schema_name, role_name from tenantry.tenants where id = any($1)",
    )
    .bind(ids)
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            let (state, schema, role) = (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
            Ok((TenantId::new(row.try_get(0)?), Registered { state, schema, role }))
        })
        .collect()
}
