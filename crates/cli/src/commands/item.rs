//! `tenantry item`: repair tenants whose cleanup failed.

use clap::Subcommand;
use contract::{ItemResult, Resolution};
use serde_json::value::to_raw_value;

use super::{API, batch_id::resolve, client, print};
use crate::{args::Global, failure::Done, show};

/// Repair a tenant whose cleanup failed (status `undo_failed`).
#[derive(Debug, Subcommand)]
pub(crate) enum Item {
    /// Retry the cleanup, once you have removed the cause
    Undo {
        /// The batch's id, its first characters, or `last`
        batch: String,
        /// The tenant's position in the batch, from 0
        index: u32,
    },
    /// Mark it as cleaned up by hand: you have removed its schema and role
    Resolve {
        /// The batch's id, its first characters, or `last`
        batch: String,
        /// The tenant's position in the batch, from 0
        index: u32,
        /// What you did, for the audit log
        #[arg(long)]
        note: String,
    },
}

impl Item {
    /// Does it.
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Done> {
        let client = client(global)?;
        let (batch, index, act, body) = match self {
            Self::Undo { batch, index } => (batch, index, "undo", None),
            Self::Resolve { batch, index, note } => {
                (batch, index, "resolve", Some(Resolution { note }))
            }
        };
        let batch = resolve(&client, batch).await?;
        let path = format!("{API}/batches/{batch}/items/{index}/{act}");
        let body = body.map(|body| to_raw_value(&body)).transpose()?;
        let answer = client.post(&path, body.as_deref(), &[]).await?;
        print(global, &answer, |item: ItemResult| show::items_table([&item]).print())
    }
}
