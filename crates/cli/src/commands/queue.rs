//! `tenantry queue`: show, pause and resume the whole queue.

use clap::Subcommand;

use super::{API, client, print};
use crate::{args::Global, failure::Done, show};

/// Show, pause or resume the whole queue.
#[derive(Debug, Subcommand)]
pub(crate) enum Queue {
    /// Show the workers, and how much work waits and runs
    #[command(visible_alias = "status")]
    Show,
    /// Pause all work; what is in progress finishes
    Pause,
    /// Resume work on every batch that is not paused itself
    Resume,
}

impl Queue {
    /// Does it.
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Done> {
        let client = client(global)?;
        let answer = match self {
            Self::Show => client.get(&format!("{API}/queue")).await?,
            Self::Pause => client.post(&format!("{API}/queue/pause"), None, &[]).await?,
            Self::Resume => client.post(&format!("{API}/queue/resume"), None, &[]).await?,
        };
        print(global, &answer, |queue: contract::Queue| {
            show::line(show::queue_sentence(&queue));
            if let Some(waiting_for) = &queue.waiting_for {
                show::note(show::plain(&format!("waits: {}", waiting_for.message)));
            }
            if !queue.workers.is_empty() {
                show::workers_table(&queue.workers).print();
            }
        })
    }
}
