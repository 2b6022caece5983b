//! `tenantry batch`: show, watch, cancel, retry, pause and resume batches.

use clap::Subcommand;

use super::{
    client,
    steering::{self, Items, Retry},
    under::Under::Batches,
};
use crate::{args::Global, failure::Done};

/// Show, watch, cancel, retry, pause or resume batches. `last` is the newest batch.
#[derive(Debug, Subcommand)]
pub(crate) enum Batch {
    /// Show one batch
    #[command(visible_alias = "status")]
    Show {
        /// The id, its first characters, or `last`
        id: String,
    },
    /// List batches, the newest first
    List {
        /// At most this many
        #[arg(long, default_value_t = 20)]
        limit: u32,
        /// Continue where an earlier list ended
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Show the result of each tenant
    Results(Items),
    /// Cancel the tenants that no worker has started
    Cancel {
        /// The id, its first characters, or `last`
        id: String,
    },
    /// Retry failed tenants that can succeed unchanged
    Retry(Retry),
    /// Pause a batch; work in progress finishes, and the deadline keeps running
    Pause {
        /// The id, its first characters, or `last`
        id: String,
    },
    /// Resume a paused batch
    Resume {
        /// The id, its first characters, or `last`
        id: String,
    },
    /// Show progress until the batch ends; Ctrl-C leaves it running
    Watch {
        /// The id, its first characters, or `last`
        id: String,
    },
}

impl Batch {
    /// Does it.
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Done> {
        let client = client(global)?;
        match self {
            Self::Show { id } => steering::shown(global, &client, Batches, id).await,
            Self::List { limit, cursor } => {
                let filters = [("limit", Some(limit.to_string())), ("cursor", cursor)];
                steering::list(global, &client, Batches, filters).await
            }
            Self::Results(items) => steering::items(global, &client, Batches, items).await,
            Self::Cancel { id } => steering::order(global, &client, Batches, id, "cancel").await,
            Self::Pause { id } => steering::order(global, &client, Batches, id, "pause").await,
            Self::Resume { id } => steering::order(global, &client, Batches, id, "resume").await,
            Self::Retry(retry) => steering::retry(global, &client, Batches, retry).await,
            Self::Watch { id } => steering::watch(global, &client, Batches, id).await,
        }
    }
}
