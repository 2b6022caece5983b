//! `tenantry item`: one tenant of an operation, its story and its repair.

use clap::Subcommand;
use contract::{Item as View, ItemResult, Resolution};
use serde_json::value::to_raw_value;

use super::{batch_id::resolve, client, print, under::Under};
use crate::{args::Global, failure::Done, show};

/// Show one tenant of an operation; repair one that cannot go on (`undo_failed`, `stuck`).
#[derive(Debug, Subcommand)]
pub(crate) enum Item {
    /// Show its tries, its steps and what it waits for
    Show {
        /// The operation's id, its first characters, or `last`
        operation: String,
        /// The tenant's position in the operation, from 0
        index: u32,
    },
    /// Have a `stuck` one go on, once you have removed the cause
    Retry {
        /// The operation's id, its first characters, or `last`
        operation: String,
        /// The tenant's position in the operation, from 0
        index: u32,
    },
    /// Retry the cleanup of one in `undo_failed`, once you have removed the cause
    Undo {
        /// The operation's id, its first characters, or `last`
        operation: String,
        /// The tenant's position in the operation, from 0
        index: u32,
    },
    /// Mark it as seen to by hand: you have removed its schema and role, or repaired a `stuck` one
    Resolve {
        /// The operation's id, its first characters, or `last`
        operation: String,
        /// The tenant's position in the operation, from 0
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
        let (operation, index, act, body) = match self {
            Self::Show { operation, index } => (operation, index, None, None),
            Self::Retry { operation, index } => (operation, index, Some("retry"), None),
            Self::Undo { operation, index } => (operation, index, Some("undo"), None),
            Self::Resolve { operation, index, note } => {
                (operation, index, Some("resolve"), Some(Resolution { note }))
            }
        };
        let operation = resolve(&client, Under::Operations, operation).await?;
        let path = format!("{}/{index}", Under::Operations.items(&operation));
        let Some(act) = act else {
            return print(global, &client.get(&path).await?, |item: View| show::item(&item));
        };
        let body = body.map(|body| to_raw_value(&body)).transpose()?;
        let answer = client.post(&format!("{path}/{act}"), body.as_deref(), &[]).await?;
        print(global, &answer, |item: ItemResult| show::items_table([&item]).print())
    }
}
