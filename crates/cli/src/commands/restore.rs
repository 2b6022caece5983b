//! `tenantry restore`: what an operator says of a copied or restored database.

mod copy;
mod drop_roles;

use clap::{Args, Subcommand};
use domain::InstallationId;
use serde_json::json;
use sqlx::PgPool;
use store::origin;

use super::config_check;
use crate::{
    actor::actor,
    args::Global,
    connection::{self, copied, database_failure},
    failure::{Done, Failure},
    show,
};

/// Put a copied or restored database to use.
#[derive(Debug, Subcommand)]
pub(crate) enum Restore {
    /// Say what this copy is: the new place of the installation, or an installation of its own
    Adopt(Adopt),
    /// Drop the roles of an installation that no database of this server has any more
    DropRoles {
        /// The installation's id: `tn_<id>_…` is how its roles are called
        #[arg(value_parser = InstallationId::parse)]
        installation: InstallationId,
        /// Yes, for good
        #[arg(long)]
        yes: bool,
    },
}

/// What the copy is.
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
    /// Does it, on the database of the settings.
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Done> {
        let settings = config_check::load()?;
        let url = connection::database_url(&settings)?;
        let pool = connection::patient_pool(&url, &settings).await?;
        let done = match self {
            Self::Adopt(Adopt { copy: true, .. }) => copy::adopt(global, &settings, &pool).await,
            Self::Adopt(_) => moved(global, &pool).await,
            Self::DropRoles { yes: false, .. } => {
                Err(Failure::usage("this drops roles, with the passwords they have")
                    .advise("pass --yes if that is what you want")
                    .into())
            }
            Self::DropRoles { installation, .. } => {
                drop_roles::run(global, &pool, &installation).await
            }
        };
        pool.close().await;
        done
    }
}

async fn moved(global: &Global, pool: &PgPool) -> anyhow::Result<Done> {
    let mut conn = pool.acquire().await.map_err(|e| database_failure(&e))?;
    let before = origin::move_here(&mut conn, &actor()).await.map_err(|e| copied(&e))?;
    let installation = store::installation(&mut conn).await.map_err(|e| database_failure(&e))?;
    let given = tenantdb::copied::give_group_to_owner(&mut conn, &installation).await;
    given.map_err(|e| database_failure(&e))?;
    if global.json {
        let before = before.as_ref().map(ToString::to_string);
        show::raw(&json!({ "moved": before.is_some(), "from": before }).to_string());
        return Ok(Done::Well);
    }
    match before {
        Some(before) => {
            show::line(format!("the installation lives here now; it came from database {before}"));
            show::note("next: `tenantry migrate public up`, then `tenantry doctor --all-tenants`");
        }
        None => show::line("nothing to do: the installation lives in this database already"),
    }
    Ok(Done::Well)
}
