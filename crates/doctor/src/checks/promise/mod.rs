//! Holds tenants against what was promised: all of them by the ledger, their roles and rights; some or all
//! by what is in their schemas.
//!
//! A tenant may be migrated while it is looked at, so what is found is looked at again under the
//! tenant's lock before it is told.

mod faults;
mod learnt;
mod one;
mod put_back;
mod references;

use std::{collections::HashSet, sync::Arc};

use domain::{InstallationId, RoleName, SchemaName, TenantId};
use sqlx::{Connection, PgConnection, PgPool, Row, postgres::PgRow};
use tenantdb::{
    Mark, MigrationSet, elsewhere,
    ledger::{self, Entry},
    verify,
};

use self::faults::{Fault, faults};
pub(crate) use self::one::OF_ONE;
pub(crate) use self::put_back::{put_back, write_own_row};
pub use self::{
    one::{Drift, TenantCheck, TenantReport},
    references::References,
};
use super::database;
use crate::{Depth, ExamineError, Kind, Subject, pages::Pages, registered, report::Gatherer};

/// What a look at one tenant after another finds, beside [`Kind::PromiseDiffers`], which is told once.
pub(crate) const WALKED: &[Kind] = &[
    Kind::MigrationsBehind,
    Kind::MigrationEdited,
    Kind::MigrationUnknown,
    Kind::ShapeDiffers,
    Kind::SequenceBehind,
    Kind::OwnRowDiffers,
    Kind::OwnRowMissing,
    Kind::NotLookedAt,
];

const ACTIVE: &str = "select id, schema_name, role_name from tenantry.tenants
    where state = 'active' and id > $1 order by id limit $2";

/// Tenants whose rights are read in one message.
const AT_ONCE: i64 = 50;

/// Tenants after which the connection is replaced: a backend's caches grow with every schema it
/// touches, and never shrink (141 MB after 200 tenants).
const CONNECTION_USES: usize = 200;

pub(super) struct Tenant {
    pub(super) id: TenantId,
    pub(super) schema: SchemaName,
    pub(super) role: RoleName,
    /// Whether to look at each object in its schema.
    pub(super) in_depth: bool,
    /// Its users are meant to be shut out.
    pub(super) is_suspended: bool,
}

/// What a tenant is held against.
pub(super) struct Promised<'a> {
    pub(super) installation: &'a InstallationId,
    pub(super) set: &'a MigrationSet,
    pub(super) references: &'a References,
    /// The role that is a member of every tenant's.
    application_role: Option<&'a str>,
    /// Roles that have something outside the tenants' schemas, which is rare; `None` = each is asked about.
    elsewhere: Option<HashSet<String>>,
    /// Whether all roles may do more in the database than they should, which is told once; `None` = it is
    /// looked up when a tenant's role may.
    shared: Option<bool>,
}

impl Promised<'_> {
    pub(super) fn subject<'s>(
        &'s self,
        tenant: &'s Tenant,
        neighbour: Option<&'s SchemaName>,
    ) -> tenantdb::Subject<'s> {
        let Tenant { id, schema, role, .. } = tenant;
        let mark = Mark { installation: self.installation.clone(), tenant: *id };
        let (path, application_role) = (self.set.path(), self.application_role);
        tenantdb::Subject { schema, role, mark, neighbour, path, application_role }
    }

    pub(super) fn has_elsewhere(&self, tenant: &Tenant) -> bool {
        self.elsewhere.as_ref().is_none_or(|roles| roles.contains(tenant.role.as_str()))
    }

    /// Takes out what a tenant's role may do in the database because all roles may.
    async fn without_shared(
        &self,
        conn: &mut PgConnection,
        mut faults: verify::Faults,
    ) -> sqlx::Result<verify::Faults> {
        if faults.database.is_empty() {
            return Ok(faults);
        }
        let all_may = match self.shared {
            Some(known) => known,
            None => database::is_open(conn).await?,
        };
        if all_may {
            faults.database.clear();
        }
        Ok(faults)
    }
}

/// Looks at the roles and rights of all active tenants, and into the schemas of as many as the scope
/// says.
pub(crate) async fn look(pool: &PgPool, gatherer: &mut Gatherer<'_>) -> Result<(), ExamineError> {
    let walks = gatherer.scope.wants_any(WALKED);
    if !walks && !gatherer.scope.wants(Kind::PromiseDiffers) {
        return Ok(());
    }
    let failed = || ExamineError::during("look at the tenants");
    let mut conn = connect(pool).await.map_err(failed())?;
    let promise = learnt::learn(&mut conn, gatherer).await?;
    if !walks {
        return Ok(());
    }
    let references = References::new(gatherer.scope.migrations.clone(), Arc::new(promise));
    let promised = promised(&mut conn, &references, gatherer).await?;
    walk(pool, conn, &promised, gatherer).await.map_err(failed())
}

async fn walk(
    pool: &PgPool,
    mut conn: PgConnection,
    promised: &Promised<'_>,
    gatherer: &mut Gatherer<'_>,
) -> sqlx::Result<()> {
    let sample = sample(pool, gatherer.scope.depth).await?;
    let (mut pages, mut uses) = (Pages(i64::MIN), 0);
    let page = |after| sqlx::query(ACTIVE).bind(after).bind(AT_ONCE);
    while let Some(rows) = pages.next(&mut conn, page).await? {
        let tenants = read(&rows, sample.as_ref())?;
        gatherer.report.checked.active += tenants.len() as i64;
        for (tenant, seen) in suspects(&mut conn, promised, &tenants).await? {
            if let Err(error) = judge(&mut conn, promised, tenant, gatherer).await {
                tell_unseen(error, tenant, seen, gatherer)?;
            }
        }
        uses += tenants.iter().filter(|tenant| tenant.in_depth).count();
        if uses >= CONNECTION_USES {
            (conn, uses) = (connect(pool).await?, 0);
        }
    }
    Ok(())
}

/// What the tenants are to be, and which of their roles have something elsewhere.
async fn promised<'p, 'a: 'p>(
    conn: &mut PgConnection,
    references: &'p References,
    gatherer: &mut Gatherer<'a>,
) -> Result<Promised<'p>, ExamineError> {
    let (set, installation) = (&gatherer.scope.migrations, gatherer.installation);
    let elsewhere = elsewhere::read(conn, installation, None).await;
    let elsewhere = elsewhere.map_err(ExamineError::during("look at the roles' rights"))?;
    let elsewhere = Some(elsewhere.into_iter().map(|it| it.role).collect());
    let of_all = [Kind::SystemRoleDiffers, Kind::DatabaseRights];
    let shared = Some(of_all.iter().any(|kind| gatherer.report.found.contains_key(kind)));
    let application_role = gatherer.scope.application_role.as_deref();
    Ok(Promised { installation, set, references, application_role, elsewhere, shared })
}

/// A connection outside the pool, for looks at tenants: it is closed when it has grown. A tenant that locks its
/// tables, or fills them, does not hold it up for long.
pub async fn connect(pool: &PgPool) -> sqlx::Result<PgConnection> {
    let options = store::with_settings((*pool.connect_options()).clone());
    let mut conn = store::open(&options).await?;
    sqlx::raw_sql("set lock_timeout = '2s'; set statement_timeout = '30s'")
        .execute(&mut conn)
        .await?;
    Ok(conn)
}

/// The tenants to look at in depth; `None` = all.
async fn sample(pool: &PgPool, depth: Depth) -> sqlx::Result<Option<HashSet<i64>>> {
    let most = match depth {
        Depth::All => return Ok(None),
        Depth::Shallow => 0,
        Depth::Sample(most) => most,
    };
    let ids: Vec<i64> = sqlx::query_scalar(
        "select id from tenantry.tenants where state = 'active' order by random() limit $1",
    )
    .bind(i64::from(most))
    .fetch_all(pool)
    .await?;
    Ok(Some(ids.into_iter().collect()))
}

/// The tenants of a page with names that can be parsed. Another check tells the others.
fn read(rows: &[PgRow], sample: Option<&HashSet<i64>>) -> sqlx::Result<Vec<Tenant>> {
    let mut tenants = Vec::with_capacity(rows.len());
    for row in rows {
        let id: i64 = row.try_get(0)?;
        let names = registered::names(row.try_get(1)?, row.try_get(2)?);
        let Ok((schema, role)) = names else { continue };
        let in_depth = sample.is_none_or(|ids| ids.contains(&id));
        let id = TenantId::new(id);
        tenants.push(Tenant { id, schema, role, in_depth, is_suspended: false });
    }
    Ok(tenants)
}

/// Those of the tenants to be looked at one by one: in depth, or since something is wrong with role or
/// rights, which is told with them. If the page cannot be read, all.
async fn suspects<'a>(
    conn: &mut PgConnection,
    promised: &Promised<'_>,
    tenants: &'a [Tenant],
) -> sqlx::Result<Vec<(&'a Tenant, verify::Faults)>> {
    let subjects: Vec<_> = tenants.iter().map(|tenant| promised.subject(tenant, None)).collect();
    let faults = match verify::look_at_rights(conn, &subjects, promised.references.whole()).await {
        Ok(faults) => faults,
        Err(error) if is_about_one(&error) => {
            return Ok(tenants.iter().map(|tenant| (tenant, verify::Faults::default())).collect());
        }
        Err(error) => return Err(error),
    };
    let ids: Vec<TenantId> = tenants.iter().map(|tenant| tenant.id).collect();
    let entries = ledger::read(conn, &ids).await?;
    let is_current = |entry: &Option<Entry>| {
        entry.as_ref().is_some_and(|entry| promised.set.compare(entry.records()).is_current())
    };
    let all = tenants.iter().zip(faults).zip(&entries);
    let suspect = all.filter(|((tenant, faults), entry)| {
        let asked = tenant.in_depth || promised.has_elsewhere(tenant);
        asked || !faults.is_empty() || !is_current(entry)
    });
    Ok(suspect.map(|(suspect, _)| suspect).collect())
}

/// Whether the server refused the look at something, and would not refuse one at another tenant.
pub(crate) fn is_about_one(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|e| e.code());
    // 57P: the server goes down; 08, 53: no connection or no room
    code.is_some_and(|code| !["57P", "08", "53"].iter().any(|class| code.starts_with(class)))
}

/// Tells of a tenant that could not be looked at, with what was seen of it.
fn tell_unseen(
    error: sqlx::Error,
    tenant: &Tenant,
    seen: verify::Faults,
    gatherer: &mut Gatherer<'_>,
) -> sqlx::Result<()> {
    if !is_about_one(&error) {
        return Err(error);
    }
    let told = [vec![why_unseen(&error)], seen.into_sentences()].concat().join("; ");
    let sentence = format!("could not look at tenant {}: {told}", tenant.id);
    gatherer.add(Kind::NotLookedAt, Subject::Tenant(tenant.id), sentence, false);
    Ok(())
}

/// Why the server refused the look at a tenant.
fn why_unseen(error: &sqlx::Error) -> String {
    let database = error.as_database_error();
    match database.and_then(|e| e.code()).as_deref() {
        Some("55P03") => "its tables are locked".to_owned(),
        Some("57014") => "it took longer than 30 s".to_owned(),
        _ => database.map_or_else(|| error.to_string(), |e| e.message().to_owned()),
    }
}

/// Looks at one tenant, and once more under its lock if something is wrong.
async fn judge(
    conn: &mut PgConnection,
    promised: &Promised<'_>,
    tenant: &Tenant,
    gatherer: &mut Gatherer<'_>,
) -> sqlx::Result<()> {
    let found = faults(conn, promised, tenant).await?;
    gatherer.report.checked.verified += i64::from(tenant.in_depth);
    if found.faults.is_empty() {
        return Ok(());
    }
    let mut tx = conn.begin().await?;
    registered::lock(&mut tx, tenant.id).await?;
    let state = store::tenants::state(&mut tx, tenant.id).await?;
    let active = state == Some(domain::TenantState::Active);
    let found = if active { faults(&mut tx, promised, tenant).await?.faults } else { Vec::new() };
    tx.rollback().await?;
    let subject = Subject::Tenant(tenant.id);
    for Fault { kind, what, fixable } in found {
        let sentence = format!("tenant {}: {what}", tenant.id);
        gatherer.add(kind, subject.clone(), sentence, fixable);
    }
    Ok(())
}
