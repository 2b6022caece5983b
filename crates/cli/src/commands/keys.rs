//! `tenantry keys`: take the API keys a batch made.

use clap::Subcommand;

use super::{API, batch::resolve, client};
use crate::{
    args::Global,
    client::RevealedKeys,
    failure::Done,
    show::{self, Table},
};

/// Take the API keys a batch made.
#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Show the keys that were not acknowledged yet
    Reveal {
        /// The batch's id, or `last`
        batch: String,
    },
    /// Say that the keys are kept: they are erased and cannot be shown again
    Acknowledge {
        /// The batch's id, or `last`
        batch: String,
    },
}

impl Keys {
    /// Does it.
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Done> {
        let client = client(global)?;
        match self {
            Self::Reveal { batch } => {
                let id = resolve(&client, batch).await?;
                let path = format!("{API}/batches/{id}/api-keys/reveal");
                let answer = client.post(&path, None, &[]).await?;
                if global.json {
                    show::raw(&answer.text);
                } else {
                    tell(&answer.parse()?, &id);
                }
            }
            Self::Acknowledge { batch } => {
                let id = resolve(&client, batch).await?;
                let answer = client.delete(&format!("{API}/batches/{id}/api-keys")).await?;
                if !answer.text.is_empty() && global.json {
                    show::raw(&answer.text);
                } else if !global.json {
                    show::line(format!("the keys of batch {id} are erased here; keep yours well"));
                }
            }
        }
        Ok(Done::Well)
    }
}

fn tell(revealed: &RevealedKeys, id: &str) {
    if revealed.keys.is_empty() {
        show::note("no key is left to show: acknowledged, expired, or none was made yet");
        return;
    }
    let mut table = Table::new(&[">id", "tenant", "API key"]);
    for key in &revealed.keys {
        table.row([key.tenant_id.to_string(), key.tenant_name.clone(), key.api_key.clone()]);
    }
    table.print();
    show::note(format!("once they are kept: `tenantry keys acknowledge {id}`"));
}
