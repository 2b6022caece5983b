//! Holds tenants against what the migrations promise: all of them by the version in the registry,
//! some or all by what is in their schemas.
//!
//! A tenant may be migrated while it is looked at, so what is found is looked at again under the
//! tenant's lock before it is told.

use domain::{InstallationId, RoleName, SchemaName, TenantId};
use sqlx::{Connection, PgConnection, PgPool, Row, postgres::PgRow};
use tenantdb::{Mark, MigrationSet, Promise, lock, migrations, verify};

use crate::{Depth, ExamineError, Kind, Subject, report::Gatherer};

/// What this looks for.
const KINDS: &[Kind] =
    &[Kind::MigrationsBehind, Kind::MigrationEdited, Kind::MigrationUnknown, Kind::ShapeDiffers];

/// Tenants read at a time.
const PAGE: i64 = 500;

/// Tenants after which the connection is replaced: a backend's caches grow with every schema it
/// touches, and never shrink (141 MB after 200 tenants).
const CONNECTION_USES: u32 = 200;

/// Finds active tenants whose version in the registry is not the newest.
pub(crate) async fn registry(
    conn: &mut PgConnection,
    gatherer: &mut Gatherer<'_>,
) -> sqlx::Result<()> {
    if !gatherer.scope.wants_any(KINDS) {
        return Ok(());
    }
    let head = gatherer.scope.migrations.head();
    let mut after = i64::MIN;
    loop {
        let rows: Vec<(i64, i64)> = sqlx::query_as(
            "select id, coalesce(migration_version, 0) from tenantry.tenants
             where state = 'active' and id > $1 and coalesce(migration_version, 0) <> $2
             order by id limit $3",
        )
        .bind(after)
        .bind(head)
        .bind(PAGE)
        .fetch_all(&mut *conn)
        .await?;
        let Some((last, _)) = rows.last() else { return Ok(()) };
        after = *last;
        for (id, version) in rows {
            let kind = if version < head { Kind::MigrationsBehind } else { Kind::MigrationUnknown };
            let sentence =
                format!("tenant {id} stands at version {version}, and the newest is {head}");
            gatherer.add(kind, Subject::Tenant(TenantId::new(id)), sentence, false);
        }
    }
}

/// An active tenant.
struct Tenant {
    id: TenantId,
    schema: SchemaName,
    role: RoleName,
}

/// What a schema is held against.
struct Promised<'a> {
    installation: &'a InstallationId,
    set: &'a MigrationSet,
    promise: Promise,
}

/// Looks into the schemas of as many tenants as the scope says.
pub(crate) async fn look(
    pool: &PgPool,
    installation: &InstallationId,
    gatherer: &mut Gatherer<'_>,
) -> Result<(), ExamineError> {
    if gatherer.scope.depth == Depth::Shallow || !gatherer.scope.wants_any(KINDS) {
        return Ok(());
    }
    let set = &gatherer.scope.migrations;
    let failed = || ExamineError::during("look into the tenants' schemas");
    let mut conn = Some(connect(pool).await.map_err(failed())?);
    let first = conn.as_mut().expect("it was just made");
    let promise = Promise::learn(first, set).await.map_err(ExamineError::Migrations)?;
    let promised = Promised { installation, set, promise };
    let (mut after, mut uses) = (i64::MIN, 0);
    loop {
        let tenants = next(pool, gatherer.scope.depth, after).await.map_err(failed())?;
        for tenant in &tenants {
            if uses == CONNECTION_USES {
                conn = None;
                uses = 0;
            }
            let conn = match &mut conn {
                Some(conn) => conn,
                none => none.insert(connect(pool).await.map_err(failed())?),
            };
            judge(conn, &promised, tenant, gatherer).await.map_err(failed())?;
            uses += 1;
        }
        after = tenants.last().map_or(i64::MAX, |last| last.id.get());
        if after == i64::MAX || gatherer.scope.depth != Depth::All {
            return Ok(());
        }
    }
}

/// A connection outside the pool: it is closed when it has grown.
async fn connect(pool: &PgPool) -> sqlx::Result<PgConnection> {
    PgConnection::connect_with(pool.connect_options().as_ref()).await
}

/// The next page of all, or a sample.
async fn next(pool: &PgPool, depth: Depth, after: i64) -> sqlx::Result<Vec<Tenant>> {
    let rows = match depth {
        Depth::Shallow => Vec::new(),
        Depth::Sample(tenants) => {
            sqlx::query(
                "select id, schema_name, role_name from tenantry.tenants where state = 'active'
                 order by random() limit $1",
            )
            .bind(i64::from(tenants))
            .fetch_all(pool)
            .await?
        }
        Depth::All => {
            sqlx::query(
                "select id, schema_name, role_name from tenantry.tenants
                 where state = 'active' and id > $1 order by id limit $2",
            )
            .bind(after)
            .bind(PAGE)
            .fetch_all(pool)
            .await?
        }
    };
    rows.iter().map(tenant).collect()
}

fn tenant(row: &PgRow) -> sqlx::Result<Tenant> {
    let decode = |e| sqlx::Error::Decode(e);
    Ok(Tenant {
        id: TenantId::new(row.try_get(0)?),
        schema: SchemaName::from_registry(row.try_get(1)?).map_err(|e| decode(Box::new(e)))?,
        role: RoleName::parse(row.try_get(2)?).map_err(|e| decode(Box::new(e)))?,
    })
}

/// Looks at one tenant, and once more under its lock if something is wrong.
async fn judge(
    conn: &mut PgConnection,
    promised: &Promised<'_>,
    tenant: &Tenant,
    gatherer: &mut Gatherer<'_>,
) -> sqlx::Result<()> {
    gatherer.report.checked.verified += 1;
    if faults(conn, promised, tenant).await?.is_empty() {
        return Ok(());
    }
    let mut tx = conn.begin().await?;
    lock::tenant(&mut tx, tenant.id).await?;
    let state = store::tenants::state(&mut tx, tenant.id).await?;
    let active = state == Some(domain::TenantState::Active);
    let faults = if active { faults(&mut tx, promised, tenant).await? } else { Vec::new() };
    tx.rollback().await?;
    let subject = Subject::Tenant(tenant.id);
    for (kind, what) in faults {
        // told by its version in the registry already
        if !gatherer.has(kind, &subject) {
            let sentence = format!("tenant {}: {what}", tenant.id);
            gatherer.add(kind, subject.clone(), sentence, false);
        }
    }
    Ok(())
}

/// What is wrong with a tenant's schema. A schema or role that is not there or bears another mark
/// is not told here: other checks do. Its shape means something at the newest version only.
async fn faults(
    conn: &mut PgConnection,
    promised: &Promised<'_>,
    tenant: &Tenant,
) -> sqlx::Result<Vec<(Kind, String)>> {
    let Promised { installation, set, promise } = promised;
    let mark = Mark { installation: (*installation).clone(), tenant: tenant.id };
    let owned = tenantdb::schema::owner(conn, &tenant.schema).await?.is(&mark)
        && tenantdb::role::owner(conn, &tenant.role).await?.is(&mark);
    if !owned {
        return Ok(Vec::new());
    }
    let applied = migrations::applied(conn, &tenant.schema).await?;
    let faults = versions(set, &applied);
    if !faults.is_empty() {
        return Ok(faults);
    }
    let neighbour = neighbour(conn, tenant.id).await?;
    let Tenant { schema, role, .. } = tenant;
    match verify::verify(conn, schema, role, &mark, set, promise, neighbour.as_ref()).await {
        Ok(()) => Ok(Vec::new()),
        Err(verify::VerifyError::Violated { violations }) => {
            Ok(vec![(Kind::ShapeDiffers, violations.join("; "))])
        }
        Err(verify::VerifyError::Database { source }) => Err(source),
    }
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

fn versions(set: &MigrationSet, applied: &[migrations::AppliedMigration]) -> Vec<(Kind, String)> {
    let mut faults = Vec::new();
    let mut missing = Vec::new();
    for wanted in set {
        let version = wanted.version();
        match applied.iter().find(|had| had.version == version) {
            None => missing.push(version.to_string()),
            Some(had) if had.checksum != wanted.checksum() => {
                let what = format!("migration {version} was edited after it had been applied");
                faults.push((Kind::MigrationEdited, what));
            }
            Some(_) => {}
        }
    }
    if !missing.is_empty() {
        let what = format!("its schema lacks migrations {}", missing.join(", "));
        faults.push((Kind::MigrationsBehind, what));
    }
    let unknown = applied.iter().filter(|had| set.iter().all(|m| m.version() != had.version));
    faults.extend(unknown.map(|had| {
        let what = format!("migration {} is not among those at hand", had.version);
        (Kind::MigrationUnknown, what)
    }));
    faults
}
