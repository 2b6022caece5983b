//! `tenantry migrate`: Tenantry's own schema, the application's, and those of the tenants.

mod lint;
mod public;
pub(super) mod shared;
mod starter;
pub(super) mod tenant;
mod try_out;

use clap::Subcommand;

use super::config_check;
use crate::{
    args::Global,
    connection::with_database,
    failure::{Done, Failure},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Migrate {
    /// Tenantry's own schema `tenantry`, the queue and the roles
    #[command(subcommand)]
    Public(public::Public),
    /// Your application's own tables, which all tenants share
    #[command(subcommand)]
    Shared(shared::Shared),
    /// The schemas of tenants: one, or all of them
    #[command(subcommand)]
    Tenant(tenant::Tenant),
    /// Show everything that is wrong with a folder of tenant migrations, without a database; exit 1 if
    /// something is
    Lint(lint::Lint),
    /// Apply a folder of tenant migrations to scratch tenants, also with their ways back, and drop them; exit
    /// 1 if something is wrong
    Try(try_out::Try),
}

impl Migrate {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Done> {
        if let Some(loses) = self.lacks_a_yes() {
            return Err(Failure::usage(loses).advise("pass --yes if that is what you want").into());
        }
        if let Self::Tenant(tenant) = &self
            && let Some(another) = tenant.is_another()
        {
            return Err(another.into());
        }
        match self {
            Self::Lint(lint) => Ok(lint.run(global, &config_check::load()?)),
            Self::Try(folder) => with_database(global, async |db| folder.run(db).await).await,
            Self::Tenant(tenant::Tenant::Init { .. }) => {
                starter::run(global.json, &config_check::load()?)
            }
            Self::Public(public) => with_database(global, async |db| public.run(db).await).await,
            Self::Shared(shared) => with_database(global, async |db| shared.run(db).await).await,
            Self::Tenant(tenant) => with_database(global, async |db| tenant.run(db).await).await,
        }
    }

    /// What a command that was not confirmed would lose.
    fn lacks_a_yes(&self) -> Option<&'static str> {
        match self {
            Self::Public(public::Public::Down { yes: false }) => Some(
                "this reverts the newest migration: the tables and columns it added are dropped, with their data",
            ),
            Self::Shared(shared::Shared::Down { yes: false, .. })
            | Self::Tenant(tenant::Tenant::Down { yes: false, .. }) => Some(
                "this reverts migrations: the tables and columns they added are dropped, with their data",
            ),
            _ => None,
        }
    }
}
