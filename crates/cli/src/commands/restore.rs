//! `tenantry restore`: what an operator says of a copied or restored database.

mod copy;

use clap::{Args, Subcommand};
use domain::{InstallationId, RoleName, SchemaName};
use serde_json::json;
use sqlx::{Connection as _, PgConnection};
use store::{origin, spares};
use tenantdb::{Mark, copied, left_roles, role, schema};

use crate::{
    actor::{actor, record},
    args::Global,
    connection::{self, Database},
    failure::{Done, Failure},
    show,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Restore {
    /// Tell what this copy is: the installation at a new place, or a new installation
    Adopt(Adopt),
    /// Drop the roles of an installation that is in no database of this server
    DropRoles {
        /// The installation's id; its roles have the names `tn_<id>_…`
        #[arg(value_parser = InstallationId::parse)]
        installation: InstallationId,
        /// Confirm; it cannot be undone
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Adopt {
    /// The original is gone: the installation lives here now, with the same id and roles
    #[arg(long)]
    moved: bool,
    /// The original stays in use: this copy becomes an installation of its own, with new roles
    #[arg(long)]
    copy: bool,
}

impl Restore {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Done> {
        if let Self::DropRoles { yes: false, .. } = &self {
            return Err(Failure::usage("this drops roles and their passwords")
                .advise("pass --yes to confirm")
                .into());
        }
        connection::with_database(global, async |db| match self {
            Self::Adopt(Adopt { copy: true, .. }) => copy::adopt(db).await,
            Self::Adopt(_) => moved(db).await,
            Self::DropRoles { installation, .. } => drop_roles(db, &installation).await,
        })
        .await
    }
}

async fn moved(db: Database<'_>) -> anyhow::Result<Done> {
    let mut conn = db.pool.acquire().await?;
    let before =
        origin::move_here(&mut conn, &actor()).await.map_err(|e| connection::copied(&e))?;
    let installation = store::installation(&mut conn).await?;
    copied::repair_group(&mut conn, &installation).await?;
    if before.is_some() {
        drop_spares(&mut conn, &installation).await?;
    }
    let from = before.as_ref().map(ToString::to_string);
    show::result(db.json, &json!({ "moved": from.is_some(), "from": from }), || match &from {
        Some(from) => {
            show::line(format!("the installation lives here now; it came from database {from}"));
            show::note("next: `tenantry migrate public up`, then `tenantry doctor --all-tenants`");
        }
        None => show::line("nothing to do: the installation lives in this database already"),
    });
    Ok(Done::Well)
}

/// Drops the spares: restored, they are not as they were built, and workers build others. What this user
/// may not drop is left to the workers, who say so.
async fn drop_spares(conn: &mut PgConnection, installation: &InstallationId) -> sqlx::Result<()> {
    for spare in spares::every(conn).await? {
        let mark = Mark { installation: installation.clone(), tenant: spare };
        let mut tx = conn.begin().await?;
        let dropped = async {
            copied::as_session_user(&mut tx).await?;
            schema::drop_owned(&mut tx, &SchemaName::of_spare(spare), &mark).await?;
            role::drop_owned(&mut tx, &RoleName::of(installation, spare), &mark).await?;
            spares::remove(&mut tx, spare).await
        };
        match dropped.await {
            Ok(_) => tx.commit().await?,
            Err(error) if error.as_database_error().is_some() => tx.rollback().await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Drops the roles of an installation unless a database of this server needs one.
async fn drop_roles(db: Database<'_>, installation: &InstallationId) -> anyhow::Result<Done> {
    let mut conn = db.pool.acquire().await?;
    if let Some(database) = left_roles::used_by(&mut conn, installation).await? {
        return Err(Failure::new(format!(
            "roles of installation {installation} have rights in database `{database}`"
        ))
        .advise("drop that database first, if it is not needed")
        .into());
    }
    // A database without an installation has no log; the connected role may be one of those that go.
    let has_log = store::has_migrations(&mut conn).await?;
    let dropped = left_roles::drop_all(&mut conn, installation).await?;
    let told = json!({ "installation": installation, "dropped": dropped });
    if has_log {
        record(&mut conn, None, "roles.dropped", told.clone()).await?;
    }
    show::result(db.json, &told, || {
        show::line(format!("{dropped} roles of installation {installation} are dropped"));
    });
    Ok(Done::Well)
}
