//! Looks at everything.

use sqlx::{PgConnection, PgPool};
use tenantdb::migrations::MigrateError;

use crate::{
    Checked, Report, Scope,
    checks::{self, database, jobs, keys, promise, roles, spares, unreadable},
    report::Gatherer,
};

/// One moment for all checks: what commits together is seen together.
const SNAPSHOT: &str = "begin isolation level repeatable read read only";

/// Why a system could not be examined.
#[derive(Debug, thiserror::Error)]
pub enum ExamineError {
    /// The control schema is older than this program.
    #[error("the shared schema lacks migrations of this version")]
    NotMigrated,
    /// The row that says who we are is gone.
    #[error(
        "table tenantry.installation has no row, which names the installation in every role and mark"
    )]
    NoInstallation,
    /// The migrations of tenants work nowhere, so nothing can be held against them.
    #[error("could not learn what the tenants' migrations make")]
    Migrations(#[source] MigrateError),
    #[error("could not {act}")]
    Database {
        act: String,
        #[source]
        source: sqlx::Error,
    },
}

impl ExamineError {
    pub(crate) fn during(act: impl Into<String>) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { act: act.into(), source }
    }
}

/// Checks the system that `pool` leads to. Writes nothing; learning what the migrations make
/// rolls itself back.
///
/// All but the look in depth happens in one snapshot. A finding of that look is confirmed under
/// the tenant's lock.
///
/// # Errors
/// When the database fails, is not migrated, or the tenants' migrations do not work.
pub async fn examine(pool: &PgPool, scope: &Scope) -> Result<Report, ExamineError> {
    let during = ExamineError::during;
    let public = store::public_migrations(pool).await;
    let public = public.map_err(during("read the migrations of the shared schema"))?;
    if public.iter().any(|migration| migration.applied_at.is_none()) {
        return Err(ExamineError::NotMigrated);
    }
    let mut tx = pool.begin_with(SNAPSHOT).await.map_err(during("begin a snapshot"))?;
    let installation = match store::installation(&mut tx).await {
        Err(sqlx::Error::RowNotFound) => return Err(ExamineError::NoInstallation),
        read => read.map_err(during("read who we are"))?,
    };
    let report = Report::default();
    let mut gatherer = Gatherer { scope, installation: &installation, report };
    look(&mut tx, &mut gatherer).await?;
    tx.rollback().await.map_err(during("end the snapshot"))?;
    database::control_schema(pool, &mut gatherer).await?;
    promise::look(pool, &mut gatherer).await?;
    let mut report = gatherer.report;
    report.findings.sort_by(|a, b| a.kind.cmp(&b.kind).then_with(|| a.subject.cmp(&b.subject)));
    Ok(report)
}

async fn look(conn: &mut PgConnection, all: &mut Gatherer<'_>) -> Result<(), ExamineError> {
    let during = ExamineError::during;
    for check in checks::TABLES.iter().copied().flatten().filter(|it| all.scope.wants(it.kind)) {
        let run = check.run(conn, all).await;
        run.map_err(ExamineError::during(format!("look for {}", check.kind)))?;
    }
    database::rights(conn, all).await.map_err(during("read the rights of PUBLIC"))?;
    database::shared_objects(conn, all).await.map_err(during("look at what tenants share"))?;
    database::shared_migrations(conn, all).await.map_err(during("read the shared migrations"))?;
    roles::application(conn, all).await.map_err(during("look at the application's role"))?;
    roles::passwords(conn, all).await.map_err(during("look for passwords"))?;
    unreadable::walk(conn, all).await.map_err(during("read every tenant and item"))?;
    spares::walk(conn, all).await.map_err(during("walk the spares"))?;
    database::ids(conn, all).await.map_err(during("look at the sequences of ids"))?;
    if database::queue(conn, all).await.map_err(during("look at the queue"))? {
        jobs::walk(conn, all).await.map_err(during("walk the waiting items and the jobs"))?;
    }
    keys::walk_sealed(conn, all).await.map_err(during("open what lies sealed"))?;
    count(conn, all).await.map_err(during("count what was checked"))
}

/// The walks have counted what they met.
async fn count(conn: &mut PgConnection, all: &mut Gatherer<'_>) -> sqlx::Result<()> {
    let counted: Checked = sqlx::query_as(
        "select (select count(*) from tenantry.tenants where state not in ('deleted', 'released')) as tenants,
                (select count(*) from tenantry.api_keys where revoked_at is null) as keys,
                (select count(*) from tenantry.operations) as operations,
                (select count(*) from tenantry.operation_items) as items,
                (select count(*) from pg_catalog.pg_description d
                 where d.classoid = 'pg_catalog.pg_namespace'::regclass
                   and d.description ~ ('^' || m.ours || '[0-9]+$') and not exists (
                       select from tenantry.spares p where d.description = m.ours || p.id)) as schemas,
                (select count(*) from pg_catalog.pg_shdescription d
                 where d.classoid = 'pg_catalog.pg_authid'::regclass
                   and d.description ~ ('^' || m.ours || '[0-9]+$') and not exists (
                       select from tenantry.spares p where d.description = m.ours || p.id)) as roles
         from (select 'tenantry:' || $1 || ':') as m (ours)",
    )
    .bind(all.installation.as_str())
    .fetch_one(conn)
    .await?;
    let Checked { jobs, active, verified, .. } = all.report.checked;
    all.report.checked = Checked { jobs, active, verified, ..counted };
    Ok(())
}
