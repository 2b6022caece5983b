//! `tenantry item`: one tenant of an operation, its story and its repair.

use clap::{Args, Subcommand};
use contract::{Item as View, ItemResult, Resolution};

use super::{client, print};
use crate::{args::Global, client::API, failure::Done, show};

#[derive(Debug, Subcommand)]
pub(crate) enum Item {
    /// Show its tries, its steps and what it waits for
    Show(Which),
    /// Have a `stuck` one go on, once you have removed the cause
    Retry(Which),
    /// Retry the cleanup of one in `undo_failed`, once you have removed the cause
    Undo(Which),
    /// Mark it as seen to by hand: you have removed its schema and role, or repaired a `stuck` one
    Resolve {
        #[command(flatten)]
        which: Which,
        /// What you did, for the audit log
        #[arg(long)]
        note: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The operation's id, its first characters, or `last`
    operation: String,
    /// The tenant's position in the operation, from 0
    index: u32,
}

impl Item {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Done> {
        let client = client(global)?;
        let (Which { operation, index }, act, body) = match self {
            Self::Show(which) => (which, None, None),
            Self::Retry(which) => (which, Some("retry"), None),
            Self::Undo(which) => (which, Some("undo"), None),
            Self::Resolve { which, note } => (which, Some("resolve"), Some(Resolution { note })),
        };
        let operation = client.operations().resolve(operation).await?;
        let path = format!("{API}/operations/{operation}/items/{index}");
        let answer = match (act, body) {
            (None, _) => {
                return print(global, &client.get(&path).await?, |item: View| show::item(&item));
            }
            (Some(act), None) => client.post(&format!("{path}/{act}")).await?,
            (Some(act), Some(body)) => client.send(&format!("{path}/{act}"), &body, &[]).await?,
        };
        print(global, &answer, |item: ItemResult| show::items_table([&item]).print())
    }
}
