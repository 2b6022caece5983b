//! `tenantry queue`: show, pause and resume the whole queue.

use clap::Subcommand;

use super::{client, print};
use crate::{args::Global, client::API, failure::Done, show};

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
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Done> {
        let client = client(global)?;
        let answer = match self {
            Self::Show => client.get(&format!("{API}/queue")).await?,
            Self::Pause => client.post(&format!("{API}/queue/pause")).await?,
            Self::Resume => client.post(&format!("{API}/queue/resume")).await?,
        };
        print(global, &answer, |queue: contract::Queue| {
            show::line(show::queue_sentence(&queue));
            show::waits(queue.waiting_for.as_ref());
            if !queue.workers.is_empty() {
                show::workers_table(&queue.workers).print();
            }
        })
    }
}
