//! Rounds of the same work on the floor and on the system.

use std::time::Duration;

use crate::{
    Args,
    figures::{Figures, median},
    floor::{Floor, Shape, VersionTable},
    stand::Stand,
    system::{Done, Setup, System},
};

/// Tenants that each side makes before the first round, unmeasured: caches and files are cold at first.
const WARM_UP: usize = 100;

/// What all rounds of the two sides came to.
#[derive(Debug, Default)]
pub(crate) struct Pair {
    tenants: usize,
    floor: Vec<f64>,
    floor_without_versions: Vec<f64>,
    system: Vec<f64>,
    item_ms: Vec<f64>,
    accepted_ms: Vec<f64>,
    floor_cpu_ms: f64,
    server_cpu_ms: f64,
    processes_cpu_ms: f64,
    floor_wal: f64,
    system_wal: f64,
}

impl Pair {
    /// System by floor, round by round.
    pub(crate) fn ratio(&self) -> f64 {
        let ratios: Vec<f64> = self.floor.iter().zip(&self.system).map(|(f, s)| s / f).collect();
        median(&ratios)
    }

    /// Starts both sides, each in a database of its own, and runs the rounds; the system goes on.
    pub(crate) async fn of(
        stand: &Stand,
        args: &Args,
        shape: &Shape,
        setup: Setup,
        tenants: usize,
    ) -> anyhow::Result<(Self, System)> {
        let database = format!("{}_floor", setup.database);
        let floor = Floor::prepare(stand, &database, args.connections, shape).await?;
        let system = System::start(stand, setup).await?;
        let pair = Self::run(stand, (&floor, &system), args.rounds, tenants).await?;
        floor.close().await;
        Ok((pair, system))
    }

    /// Runs the rounds, and prints each. Half of a round's floor, with version tables and without, comes
    /// before its system and half after: what the server or the machine does in the background, every some
    /// seconds, falls on both sides alike, and so does what gets slower or faster by and by.
    async fn run(
        stand: &Stand,
        (floor, system): (&Floor, &System),
        rounds: usize,
        tenants: usize,
    ) -> anyhow::Result<Self> {
        let mut pair = Self { tenants: tenants * rounds, ..Self::default() };
        system.pool_is_full(system.spares).await?;
        floor.make(VersionTable::Kept, WARM_UP).await?;
        system.make("warm-up", WARM_UP).await?;
        println!(
            "\nround   floor tenants/s   without version table   system tenants/s   ratio   accepted in"
        );
        for round in 0..rounds {
            let before = tenants / 2;
            let mut floor_took = pair.on_floor(stand, (floor, system), before).await?;
            let mut bare_took = floor.make(VersionTable::Left, before).await?;
            let done = pair.on_system(stand, system, round, tenants).await?;
            floor_took += pair.on_floor(stand, (floor, system), tenants - before).await?;
            bare_took += floor.make(VersionTable::Left, tenants - before).await?;
            let bare_rate = tenants as f64 / bare_took.as_secs_f64();
            let floor_rate = tenants as f64 / floor_took.as_secs_f64();
            let rate = done.tenants_per_second;
            println!(
                "{:>5}   {floor_rate:>15.1}   {bare_rate:>21.1}   {rate:>16.1}   {:>5.2}   {:>8.1} ms",
                round + 1,
                rate / floor_rate,
                done.accepted_ms
            );
            pair.floor.push(floor_rate);
            pair.floor_without_versions.push(bare_rate);
            pair.system.push(rate);
            pair.accepted_ms.push(done.accepted_ms);
            pair.item_ms.extend(system.item_ms(&done.id).await?);
        }
        Ok(pair)
    }

    async fn on_floor(
        &mut self,
        stand: &Stand,
        (floor, system): (&Floor, &System),
        tenants: usize,
    ) -> anyhow::Result<Duration> {
        system.pool_is_full(system.spares).await?;
        let (cpu, wal) = (stand.server_ms(), system.wal_bytes().await?);
        let took = floor.make(VersionTable::Kept, tenants).await?;
        self.floor_cpu_ms += stand.server_ms() - cpu;
        self.floor_wal += system.wal_bytes().await? - wal;
        Ok(took)
    }

    async fn on_system(
        &mut self,
        stand: &Stand,
        system: &System,
        round: usize,
        tenants: usize,
    ) -> anyhow::Result<Done> {
        system.pool_is_full(system.spares).await?;
        let (cpu, wal) = (stand.server_ms(), system.wal_bytes().await?);
        let own = system.processes_ms();
        let done = system.make(&round.to_string(), tenants).await?;
        self.server_cpu_ms += stand.server_ms() - cpu;
        self.processes_cpu_ms += system.processes_ms() - own;
        self.system_wal += system.wal_bytes().await? - wal;
        Ok(done)
    }

    /// How long items took in the system, and their steps.
    pub(crate) async fn tell_items(
        &self,
        figures: &mut Figures,
        system: &System,
    ) -> anyhow::Result<()> {
        figures.add_percentiles("from queued to active", &self.item_ms);
        for (step, mean_ms) in system.step_means_ms().await? {
            figures.add(format!("step {step}, mean"), mean_ms, "ms");
        }
        Ok(())
    }

    /// The figures of both sides, all by tenant. The run fails when the ratio is below `at_least`.
    pub(crate) fn tell(&self, figures: &mut Figures, at_least: Option<f64>) {
        let each = |sum: f64| sum / self.tenants as f64;
        figures.add("floor", median(&self.floor), "tenants/s");
        let bare = median(&self.floor_without_versions);
        figures.add("floor without version tables", bare, "tenants/s");
        figures.add("system", median(&self.system), "tenants/s");
        figures.add("ratio", self.ratio(), "");
        figures.add("server CPU, floor", each(self.floor_cpu_ms), "ms");
        figures.add("server CPU, system", each(self.server_cpu_ms), "ms");
        figures.add("server CPU, system by floor", self.server_cpu_ms / self.floor_cpu_ms, "");
        figures.add("CPU of API and workers", each(self.processes_cpu_ms), "ms");
        figures.add("log of changes, floor", each(self.floor_wal) / 1024.0, "KiB");
        figures.add("log of changes, system", each(self.system_wal) / 1024.0, "KiB");
        if let Some(least) = at_least {
            figures.ask_at_least("ratio", least);
        }
    }
}
