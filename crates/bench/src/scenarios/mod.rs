//! What can be measured.

mod callers;
mod costs;
mod fleet;
mod life;
mod others;
mod rounds;

use clap::ValueEnum;

use crate::{
    Args,
    figures::Figures,
    stand::Stand,
    system::{Setup, System},
};

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
    /// 10,000 tenants suspended, then resumed; and meanwhile one new tenant at a time
    Life,
    /// 1,000 tenants deleted and dropped, against the floor; and meanwhile one new tenant at a time
    Delete,
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
        let run = &Run { scenario: self, stand, args };
        match self {
            Self::Cold => rounds::cold(run).await,
            Self::Counts => costs::counts(run).await,
            Self::Latency => callers::latency(run).await,
            Self::Warm => rounds::warm(run).await,
            Self::Flat => callers::flat(run).await,
            Self::Fleet => fleet::fleet(run).await,
            Self::Admit => fleet::admit(run).await,
            Self::Life => life::life(run).await,
            Self::Delete => life::delete(run).await,
            Self::Wide => rounds::wide(run).await,
            Self::Workers => rounds::workers(run).await,
            Self::Submit => callers::submit(run).await,
            Self::Poll => callers::poll(run).await,
            Self::Idle => costs::idle(run).await,
            Self::Others => others::others(run).await,
            Self::All => anyhow::bail!("stands for the others"),
        }
    }
}

/// One scenario on its way.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a> {
    scenario: Scenario,
    pub(crate) stand: &'a Stand,
    pub(crate) args: &'a Args,
}

impl Run<'_> {
    /// The scenario's name, on the command line and in the figures.
    fn name(&self) -> String {
        self.scenario.to_possible_value().map_or_else(String::new, |it| it.get_name().to_owned())
    }

    /// As many tenants as the command line says, or the scenario's `own` number.
    fn tenants(&self, own: usize) -> usize {
        self.args.tenants.unwrap_or(own)
    }

    /// A system as the command line says, without spares.
    fn setup(&self) -> Setup {
        let (workers, lanes) = (self.args.workers, self.args.connections);
        Setup { database: self.name(), workers, lanes, spares: 0, env: vec![], counted: false }
    }

    async fn start(&self, setup: Setup) -> anyhow::Result<System> {
        System::start(self.stand, setup).await
    }

    fn figures(&self, what: impl Into<String>) -> Figures {
        Figures::of(self.name(), what)
    }
}
