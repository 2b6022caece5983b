//! What can be measured, one a file.

mod admit;
mod cold;
mod counts;
mod flat;
mod fleet;
mod idle;
mod latency;
mod others;
mod poll;
mod submit;
mod warm;
mod wide;
mod workers;

use clap::ValueEnum;

use crate::{Args, figures::Figures, stand::Stand};

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// Batches of tenants made from nothing, against the floor
    Cold,
    /// What a tenant costs in round trips, statements, commits and bytes of log: the same on every
    /// machine, and with limits
    Counts,
    /// One tenant at a time
    Latency,
    /// Bursts of tenants that were built in advance, against the floor; and one at a time
    Warm,
    /// 10,000 tenants: the last against the first
    Flat,
    /// 2,000 tenants migrated by one version, against the floor; and meanwhile one new tenant at a time
    Fleet,
    /// Admitting a migration of 10,000 tenants: all up to date, then all behind
    Admit,
    /// Tenants of 20 tables, against the floor
    Wide,
    /// 1, 2 and 4 worker processes
    Workers,
    /// Accepting 10,000 and 50,000 tenants
    Submit,
    /// Progress and results while workers run flat out
    Poll,
    /// A system with nothing to do
    Idle,
    /// What people use instead: psql for each tenant, and a database for each
    Others,
    /// All of these
    All,
}

/// The scenarios to run, each once.
pub(crate) fn chosen(asked: &[Scenario]) -> Vec<Scenario> {
    if !asked.contains(&Scenario::All) {
        return asked.to_vec();
    }
    let all = Scenario::value_variants().iter().copied();
    all.filter(|scenario| *scenario != Scenario::All).collect()
}

impl Scenario {
    pub(crate) async fn run(self, stand: &Stand, args: &Args) -> anyhow::Result<Figures> {
        match self {
            Self::Cold => cold::measure(stand, args).await,
            Self::Counts => counts::measure(stand, args).await,
            Self::Latency => latency::measure(stand, args).await,
            Self::Warm => warm::measure(stand, args).await,
            Self::Flat => flat::measure(stand, args).await,
            Self::Fleet => fleet::measure(stand, args).await,
            Self::Admit => admit::measure(stand, args).await,
            Self::Wide => wide::measure(stand, args).await,
            Self::Workers => workers::measure(stand, args).await,
            Self::Submit => submit::measure(stand, args).await,
            Self::Poll => poll::measure(stand, args).await,
            Self::Idle => idle::measure(stand, args).await,
            Self::Others => others::measure(stand, args).await,
            Self::All => anyhow::bail!("stands for the others"),
        }
    }
}
