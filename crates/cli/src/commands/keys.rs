//! `tenantry keys`: read and confirm a batch's API keys; rotate the master key that seals them.

use clap::{Args, Subcommand};
use contract::{OperationAcknowledged, RevealedKeys};

use super::{client, roll_master::RollMaster};
use crate::{
    args::Global,
    client::{Client, Operations},
    connection::with_database,
    failure::Done,
    show::{self, Table},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Show the batch's API keys that you have not confirmed yet
    Reveal(Of),
    /// Confirm that you have stored the keys: they are erased and cannot be shown again
    Acknowledge(Of),
    /// Make TENANTRY_MASTER_KEY the installation's master key, in place of
    /// TENANTRY_MASTER_KEY_PREVIOUS (works on DATABASE_URL)
    RollMaster(RollMaster),
}

#[derive(Debug, Args)]
pub(crate) struct Of {
    /// The batch's id, its first characters, or `last`
    batch: String,
    /// It is an operation of any kind: one that rotated API keys
    #[arg(long)]
    operation: bool,
}

impl Keys {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Done> {
        match self {
            Self::RollMaster(roll) => with_database(global, async |db| roll.run(db).await).await,
            Self::Reveal(of) => reveal(global, of).await,
            Self::Acknowledge(of) => acknowledge(global, of).await,
        }
    }
}

fn of(client: &Client, operation: bool) -> Operations<'_> {
    if operation { client.operations() } else { client.batches() }
}

async fn reveal(global: &Global, Of { batch, operation }: Of) -> anyhow::Result<Done> {
    let client = client(global)?;
    let of = of(&client, operation);
    let id = of.resolve(batch).await?;
    let answer = of.act(&id, "api-keys/reveal").await?;
    let keys: RevealedKeys = answer.parse()?;
    if global.json {
        show::raw(&answer.text);
    } else {
        let flag = if operation { "--operation " } else { "" };
        tell(&keys, &format!("keys acknowledge {flag}{id}"));
    }
    Ok(Done::well_if(keys.unreadable.is_empty()))
}

async fn acknowledge(global: &Global, Of { batch, operation }: Of) -> anyhow::Result<Done> {
    let client = client(global)?;
    let of = of(&client, operation);
    let (id, noun) = (of.resolve(batch).await?, of.under.noun());
    let answer = client.delete(&format!("{}/{id}/api-keys", of.under.path())).await?;
    if global.json {
        show::raw(&answer.text);
    } else if answer.text.is_empty() {
        // an API of the release before does not count them
        show::line(format!("the keys of {noun} {id} are erased here; they stay valid"));
    } else {
        let count = answer.parse::<OperationAcknowledged>()?.acknowledged as u64;
        show::line(erased(&format!("{noun} {id}"), count));
    }
    Ok(Done::Well)
}

/// Says how many unread keys of `whom` were erased by the acknowledgement.
pub(super) fn erased(whom: &str, count: u64) -> String {
    match count {
        0 => format!("{whom} has no unread key"),
        1 => format!("the key of {whom} is erased here; it stays valid"),
        n => format!("{n} keys of {whom} are erased here; they stay valid"),
    }
}

/// Shows keys; `confirm` is the command that acknowledges them.
pub(super) fn tell(revealed: &RevealedKeys, confirm: &str) {
    for key in &revealed.unreadable {
        let name = show::plain(&key.tenant_name);
        show::note(format!("tenant {} ({name}): {}", key.tenant_id, key.reason));
    }
    if revealed.keys.is_empty() {
        if revealed.unreadable.is_empty() {
            show::note("no unread API keys: they were confirmed, expired, or none exist yet");
        }
        return;
    }
    let mut table = Table::new(&[">id", "tenant", "=API key"]);
    for key in &revealed.keys {
        table.row([key.tenant_id.to_string(), key.tenant_name.clone(), key.api_key.clone()]);
    }
    table.print();
    show::note(format!("when you have stored them: `tenantry {confirm}`"));
}
