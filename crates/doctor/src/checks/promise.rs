//! Holds tenants against what was promised: all of them by the version in the registry, their roles
//! and rights; some or all by what is in their schemas.
//!
//! A tenant may be migrated while it is looked at, so what is found is looked at again under the
//! tenant's lock before it is told.

use std::collections::HashSet;

use domain::{InstallationId, RoleName, SchemaName, TenantId, Version};
use sqlx::{Connection, PgConnection, PgPool, Row};
use tenantdb::{Mark, MigrationSet, Promise, migrations, verify};

use crate::{Depth, ExamineError, Kind, Subject, fixes, report::Gatherer};

/// What this looks for.
const KINDS: &[Kind] = &[
    Kind::MigrationsBehind,
    Kind::MigrationEdited,
    Kind::MigrationUnknown,
    Kind::ShapeDiffers,
    Kind::SequenceBehind,
];

/// Tenants read at a time.
const PAGE: i64 = 500;

/// Tenants whose rights are read in one message.
const AT_ONCE: i64 = 50;

/// Tenants after which the connection is replaced: a backend's caches grow with every schema it
/// touches, and never shrink (141 MB after 200 tenants).
const CONNECTION_USES: usize = 200;

/// Finds active tenants whose version in the registry is not the newest.
pub(crate) async fn registry(
    conn: &mut PgConnection,
    gatherer: &mut Gatherer<'_>,
) -> sqlx::Result<()> {
    if !gatherer.scope.wants_any(KINDS) {
        return Ok(());
    }
    let set = gatherer.scope.migrations.clone();
    let head = set.head();
    let mut after = i64::MIN;
    loop {
        let rows: Vec<(i64, Option<String>)> = sqlx::query_as(
            "select id, migration_version from tenantry.tenants
             where state = 'active' and id > $1 and migration_version is distinct from $2
             order by id limit $3",
        )
        .bind(after)
        .bind(head.map(Version::as_str))
        .bind(PAGE)
        .fetch_all(&mut *conn)
        .await?;
        let Some((last, _)) = rows.last() else { return Ok(()) };
        after = *last;
        for (id, version) in rows {
            let version = version.map(Version::new);
            // the same version may be spelled in another way
            if version.as_ref() == head {
                continue;
            }
            let known = version.as_ref().is_none_or(|version| set.place(version).is_some());
            let kind = if known { Kind::MigrationsBehind } else { Kind::MigrationUnknown };
            let shown = |version: Option<&Version>| {
                version.map_or_else(|| "none".to_owned(), ToString::to_string)
            };
            let (stands, newest) = (shown(version.as_ref()), shown(head));
            let sentence =
                format!("tenant {id} stands at version {stands}, and the newest is {newest}");
            gatherer.add(kind, Subject::Tenant(TenantId::new(id)), sentence, false);
        }
    }
}

/// An active tenant.
struct Tenant {
    id: TenantId,
    schema: SchemaName,
    role: RoleName,
    /// Whether to look at each object in its schema.
    in_depth: bool,
}

/// What a tenant is held against.
struct Promised<'a> {
    installation: &'a InstallationId,
    set: &'a MigrationSet,
    promise: Promise,
    /// It was found already what all roles may do in the database, and it is more than it should be.
    shared: bool,
}

impl Promised<'_> {
    fn mark(&self, tenant: &Tenant) -> Mark {
        Mark { installation: self.installation.clone(), tenant: tenant.id }
    }
}

/// Looks at the roles and rights of all active tenants, and into the schemas of as many as the scope
/// says.
pub(crate) async fn look(
    pool: &PgPool,
    installation: &InstallationId,
    gatherer: &mut Gatherer<'_>,
) -> Result<(), ExamineError> {
    if !gatherer.scope.wants_any(KINDS) {
        return Ok(());
    }
    let set = &gatherer.scope.migrations;
    let failed = || ExamineError::during("look at the tenants");
    let mut conn = Some(connect(pool).await.map_err(failed())?);
    let first = conn.as_mut().expect("it was just made");
    let promise = Promise::learn(first, set).await.map_err(ExamineError::Migrations)?;
    let of_all = [Kind::SystemRoleDiffers, Kind::DatabaseRights];
    let shared = of_all.iter().any(|kind| gatherer.report.found.contains_key(kind));
    let promised = Promised { installation, set, promise, shared };
    let sample = sample(pool, gatherer.scope.depth).await.map_err(failed())?;
    let (mut after, mut uses) = (i64::MIN, 0);
    loop {
        let tenants = next(pool, sample.as_ref(), after).await.map_err(failed())?;
        let Some(last) = tenants.last() else { return Ok(()) };
        after = last.id.get();
        if uses >= CONNECTION_USES {
            conn = None;
            uses = 0;
        }
        let conn = match &mut conn {
            Some(conn) => conn,
            none => none.insert(connect(pool).await.map_err(failed())?),
        };
        gatherer.report.checked.active += tenants.len() as u64;
        uses += tenants.iter().filter(|tenant| tenant.in_depth).count();
        for (tenant, seen) in suspects(conn, &promised, &tenants).await.map_err(failed())? {
            if let Err(error) = judge(conn, &promised, tenant, gatherer).await {
                tell_unseen(error, tenant, seen, gatherer).map_err(failed())?;
            }
        }
    }
}

/// A connection outside the pool: it is closed when it has grown. A tenant that locks its tables, or
/// fills them, does not hold it up for long.
pub(super) async fn connect(pool: &PgPool) -> sqlx::Result<PgConnection> {
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

/// The next page.
async fn next(
    pool: &PgPool,
    sample: Option<&HashSet<i64>>,
    after: i64,
) -> sqlx::Result<Vec<Tenant>> {
    let rows = sqlx::query(
        "select id, schema_name, role_name from tenantry.tenants
         where state = 'active' and id > $1 order by id limit $2",
    )
    .bind(after)
    .bind(AT_ONCE)
    .fetch_all(pool)
    .await?;
    let decode = |e| sqlx::Error::Decode(e);
    rows.iter()
        .map(|row| {
            let id: i64 = row.try_get(0)?;
            let schema = SchemaName::from_registry(row.try_get(1)?);
            Ok(Tenant {
                id: TenantId::new(id),
                schema: schema.map_err(|e| decode(Box::new(e)))?,
                role: RoleName::parse(row.try_get(2)?).map_err(|e| decode(Box::new(e)))?,
                in_depth: sample.is_none_or(|ids| ids.contains(&id)),
            })
        })
        .collect()
}

/// Those of the tenants to be looked at one by one: in depth, or since something is wrong with role or
/// rights, which is told with them. If the page cannot be read, all.
async fn suspects<'a>(
    conn: &mut PgConnection,
    promised: &Promised<'_>,
    tenants: &'a [Tenant],
) -> sqlx::Result<Vec<(&'a Tenant, verify::Faults)>> {
    let marks: Vec<Mark> = tenants.iter().map(|tenant| promised.mark(tenant)).collect();
    let subjects: Vec<_> = tenants
        .iter()
        .zip(&marks)
        .map(|(tenant, mark)| {
            (&tenant.schema, verify::Subject { role: &tenant.role, mark, neighbour: None })
        })
        .collect();
    let faults = match verify::look_at_rights(conn, &subjects, &promised.promise).await {
        Ok(faults) => faults,
        Err(error) if is_about_one(&error) => {
            return Ok(tenants.iter().map(|tenant| (tenant, verify::Faults::default())).collect());
        }
        Err(error) => return Err(error),
    };
    let schemas: Vec<&SchemaName> = tenants.iter().map(|tenant| &tenant.schema).collect();
    let applied = match migrations::applied_in_all(conn, &schemas).await {
        Err(error) if is_about_one(&error) => None,
        applied => Some(applied?),
    };
    let is_current = |at: usize| {
        let applied = applied.as_ref().and_then(|all| all.get(at));
        applied.is_some_and(|a| promised.set.compare(a.iter().map(|a| a.record())).is_current())
    };
    let all = tenants.iter().zip(faults).enumerate();
    let suspect = all
        .filter(|(at, (tenant, faults))| tenant.in_depth || !faults.is_empty() || !is_current(*at));
    Ok(suspect.map(|(_, suspect)| suspect).collect())
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
    let database = error.as_database_error();
    let why = match database.and_then(|e| e.code()).as_deref() {
        Some("55P03") => "its tables are locked".to_owned(),
        Some("57014") => "it took longer than 30 s".to_owned(),
        _ => database.map_or_else(|| error.to_string(), |e| e.message().to_owned()),
    };
    let told = [vec![why], seen.into_sentences()].concat().join("; ");
    let sentence = format!("could not look at tenant {}: {told}", tenant.id);
    gatherer.add(Kind::NotLookedAt, Subject::Tenant(tenant.id), sentence, false);
    Ok(())
}

/// Looks at one tenant, and once more under its lock if something is wrong.
async fn judge(
    conn: &mut PgConnection,
    promised: &Promised<'_>,
    tenant: &Tenant,
    gatherer: &mut Gatherer<'_>,
) -> sqlx::Result<()> {
    let found = faults(conn, promised, tenant).await?;
    gatherer.report.checked.verified += u64::from(tenant.in_depth);
    if found.is_empty() {
        return Ok(());
    }
    let mut tx = conn.begin().await?;
    fixes::lock_tenant(&mut tx, tenant.id).await?;
    let state = store::tenants::state(&mut tx, tenant.id).await?;
    let active = state == Some(domain::TenantState::Active);
    let faults = if active { faults(&mut tx, promised, tenant).await? } else { Vec::new() };
    tx.rollback().await?;
    let subject = Subject::Tenant(tenant.id);
    for Fault { kind, what, fixable } in faults {
        // told by its version in the registry already
        if !gatherer.has(kind, &subject) {
            let sentence = format!("tenant {}: {what}", tenant.id);
            gatherer.add(kind, subject.clone(), sentence, fixable);
        }
    }
    Ok(())
}

/// Something wrong with a tenant.
struct Fault {
    kind: Kind,
    what: String,
    fixable: bool,
}

/// What is wrong with a tenant. A schema or role that is not there or bears another mark is not told
/// here: other checks do. Its shape means something at the newest version only.
async fn faults(
    conn: &mut PgConnection,
    promised: &Promised<'_>,
    tenant: &Tenant,
) -> sqlx::Result<Vec<Fault>> {
    let Promised { set, promise, .. } = promised;
    let (mark, schema) = (promised.mark(tenant), &tenant.schema);
    let owned = tenantdb::schema::owner(conn, schema).await?.is(&mark)
        && tenantdb::role::owner(conn, &tenant.role).await?.is(&mark);
    if !owned {
        return Ok(Vec::new());
    }
    let neighbour = neighbour(conn, tenant.id).await?;
    let subject =
        verify::Subject { role: &tenant.role, mark: &mark, neighbour: neighbour.as_ref() };
    let applied = migrations::applied(conn, schema).await?;
    let mut found = versions(set, &applied);
    let mut looked = if tenant.in_depth && found.is_empty() {
        let behind = tenantdb::shape::sequences_behind(conn, schema).await?;
        if !behind.is_empty() {
            let what = behind.join("; ");
            found.push(Fault { kind: Kind::SequenceBehind, what, fixable: false });
        }
        verify::look(conn, schema, subject, set, promise).await?
    } else {
        let looked = verify::look_at_rights(conn, &[(schema, subject)], promise).await?;
        looked.into_iter().next().unwrap_or_default()
    };
    if promised.shared {
        looked.database.clear();
    }
    if !looked.is_empty() {
        // what all may do in the database is mended there
        let fixable = !(looked.role.is_empty() && looked.rights.is_empty());
        let what = looked.into_sentences().join("; ");
        found.push(Fault { kind: Kind::ShapeDiffers, what, fixable });
    }
    Ok(found)
}

/// Another tenant's schema, which the role must be refused.
async fn neighbour(conn: &mut PgConnection, id: TenantId) -> sqlx::Result<Option<SchemaName>> {
    let name: Option<String> = sqlx::query_scalar(
        // An order that tenants_by_state alone has: by the primary key the way there leads past
        // every tenant that is still pending.
        "select schema_name from tenantry.tenants
         where state between 'active' and 'active' and id <> $1
         order by state desc, id desc limit 1",
    )
    .bind(id.get())
    .fetch_optional(conn)
    .await?;
    let name = name.map(SchemaName::from_registry).transpose();
    name.map_err(|e| sqlx::Error::Decode(Box::new(e)))
}

fn versions(set: &MigrationSet, applied: &[migrations::AppliedMigration]) -> Vec<Fault> {
    let told = |kind, what| Fault { kind, what, fixable: false };
    let standing = set.compare(applied.iter().map(migrations::AppliedMigration::record));
    let mut faults = Vec::new();
    for edited in &standing.edited {
        let what = format!("migration {} was edited after it had been applied", edited.version());
        faults.push(told(Kind::MigrationEdited, what));
    }
    if !standing.missing.is_empty() {
        let missing: Vec<&str> = standing.missing.iter().map(|m| m.version().as_str()).collect();
        let what = format!("its schema lacks migrations {}", missing.join(", "));
        faults.push(told(Kind::MigrationsBehind, what));
    }
    faults.extend(standing.unknown.iter().map(|version| {
        let what = format!("migration {version} is not among those at hand");
        told(Kind::MigrationUnknown, what)
    }));
    faults
}
