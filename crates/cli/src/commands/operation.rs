//! `tenantry operation`: show, watch, cancel, retry, pause and resume operations of any kind.

use clap::Subcommand;

use super::{
    client,
    steering::{self, Items, Retry},
    under::Under::Operations,
};
use crate::{args::Global, failure::Done};

/// Show, watch, cancel, retry, pause or resume operations of any kind. `last` is the newest one.
#[derive(Debug, Subcommand)]
pub(crate) enum Operation {
    /// Show one operation
    Show {
        /// The id, its first characters, or `last`
        id: String,
    },
    /// List operations, the newest first
    List {
        /// Only of this kind: provision, migrate
        #[arg(long)]
        kind: Option<String>,
        /// Only in this state: running, failed, …
        #[arg(long)]
        state: Option<String>,
        /// At most this many
        #[arg(long, default_value_t = 20)]
        limit: u32,
        /// Continue where an earlier list ended
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Show what became of each tenant
    Items(Items),
    /// Cancel the tenants that no worker has started
    Cancel {
        /// The id, its first characters, or `last`
        id: String,
    },
    /// Retry failed tenants
    Retry(Retry),
    /// Pause an operation; work in progress finishes
    Pause {
        /// The id, its first characters, or `last`
        id: String,
    },
    /// Resume a paused operation
    Resume {
        /// The id, its first characters, or `last`
        id: String,
    },
    /// Show progress until the operation ends; Ctrl-C leaves it running
    Watch {
        /// The id, its first characters, or `last`
        id: String,
    },
}

impl Operation {
    /// Does it.
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Done> {
        let client = client(global)?;
        match self {
            Self::Show { id } => steering::shown(global, &client, Operations, id).await,
            Self::List { kind, state, limit, cursor } => {
                let limit = ("limit", Some(limit.to_string()));
                let filters = [("kind", kind), ("state", state), limit, ("cursor", cursor)];
                steering::list(global, &client, Operations, filters).await
            }
            Self::Items(items) => steering::items(global, &client, Operations, items).await,
            Self::Cancel { id } => steering::order(global, &client, Operations, id, "cancel").await,
            Self::Pause { id } => steering::order(global, &client, Operations, id, "pause").await,
            Self::Resume { id } => steering::order(global, &client, Operations, id, "resume").await,
            Self::Retry(retry) => steering::retry(global, &client, Operations, retry).await,
            Self::Watch { id } => steering::watch(global, &client, Operations, id).await,
        }
    }
}
