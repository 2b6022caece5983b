//! `tenantry keys`: read and confirm a batch's API keys; rotate the master key that seals them.

use clap::Subcommand;
use contract::{Acknowledged, RevealedKeys};

use super::{client, roll_master::RollMaster};
use crate::{
    args::Global,
    client::API,
    connection::with_database,
    failure::Done,
    show::{self, Table},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Show the batch's API keys that you have not confirmed yet
    Reveal {
        /// The batch's id, its first characters, or `last`
        batch: String,
    },
    /// Confirm that you have stored the keys: they are erased and cannot be shown again
    Acknowledge {
        /// The batch's id, its first characters, or `last`
        batch: String,
    },
    /// Make TENANTRY_MASTER_KEY the installation's master key, in place of
    /// TENANTRY_MASTER_KEY_PREVIOUS (works on DATABASE_URL)
    RollMaster(RollMaster),
}

impl Keys {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Done> {
        match self {
            Self::RollMaster(roll) => with_database(global, async |db| roll.run(db).await).await,
            Self::Reveal { batch } => reveal(global, batch).await,
            Self::Acknowledge { batch } => acknowledge(global, batch).await,
        }
    }
}

async fn reveal(global: &Global, batch: String) -> anyhow::Result<Done> {
    let client = client(global)?;
    let id = client.batches().resolve(batch).await?;
    let answer = client.batches().act(&id, "api-keys/reveal").await?;
    if global.json {
        show::raw(&answer.text);
        return Ok(Done::Well);
    }
    let keys = answer.parse()?;
    tell(&keys, &format!("keys acknowledge {id}"));
    Ok(Done::well_if(keys.unreadable.is_empty()))
}

async fn acknowledge(global: &Global, batch: String) -> anyhow::Result<Done> {
    let client = client(global)?;
    let id = client.batches().resolve(batch).await?;
    let answer = client.delete(&format!("{API}/batches/{id}/api-keys")).await?;
    if global.json {
        show::raw(&answer.text);
    } else if answer.text.is_empty() {
        // an API of the release before does not count them
        show::line(format!("the keys of batch {id} are erased here; they stay valid"));
    } else {
        show::line(match answer.parse::<Acknowledged>()?.acknowledged {
            0 => format!("batch {id} has no unread key"),
            1 => format!("the key of batch {id} is erased here; it stays valid"),
            n => format!("{n} keys of batch {id} are erased here; they stay valid"),
        });
    }
    Ok(Done::Well)
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
