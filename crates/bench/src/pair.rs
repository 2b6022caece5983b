//! Rounds of the same work on the floor and on the system.

use crate::{
    figures::{Figures, median, median_ratio},
    floor::{
        Floor, Shape,
        VersionTable::{Kept, Left},
    },
    scenarios::Run,
    stand::Stand,
    system::{Setup, System},
};

/// Tenants that each side makes before the first round, unmeasured: caches and files are cold at first.
const WARM_UP: usize = 100;

#[derive(Debug, Default)]
pub(crate) struct Pair {
    tenants: usize,
    floor: Vec<f64>,
    floor_without_versions: Vec<f64>,
    system: Vec<f64>,
    item_ms: Vec<f64>,
    used_by_floor: Used,
    used_by_system: Used,
}

/// What was used: so far, or for some work.
#[derive(Debug, Clone, Copy, Default)]
struct Used {
    server_ms: f64,
    /// Processor time of the system's processes.
    processes_ms: f64,
    /// Bytes of the server's log of changes.
    wal: f64,
}

impl Used {
    async fn so_far(stand: &Stand, system: &System) -> anyhow::Result<Self> {
        let (server_ms, processes_ms) = (stand.server_ms(), system.processes_ms());
        Ok(Self { server_ms, processes_ms, wal: system.wal_bytes().await? })
    }

    /// Does `work` once the pool is full, and adds what it used.
    async fn by<T>(
        &mut self,
        stand: &Stand,
        system: &System,
        work: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        system.pool_is_full(system.spares).await?;
        let before = Self::so_far(stand, system).await?;
        let done = work.await?;
        let after = Self::so_far(stand, system).await?;
        self.server_ms += after.server_ms - before.server_ms;
        self.processes_ms += after.processes_ms - before.processes_ms;
        self.wal += after.wal - before.wal;
        Ok(done)
    }
}

impl Pair {
    /// System by floor, round by round.
    pub(crate) fn ratio(&self) -> f64 {
        median_ratio(&self.system, &self.floor)
    }

    /// Starts both sides, each in a database of its own, and runs the rounds; the system goes on.
    pub(crate) async fn of(
        run: &Run<'_>,
        shape: &Shape,
        setup: Setup,
        tenants: usize,
    ) -> anyhow::Result<(Self, System)> {
        let (stand, args) = (run.stand, run.args);
        let database = format!("{}_floor", setup.database);
        let floor = Floor::prepare(stand, &database, args.connections, shape.clone()).await?;
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
        floor.make(Kept, WARM_UP).await?;
        system.make("warm-up", WARM_UP).await?;
        println!(
            "\nround   floor tenants/s   without version table   system tenants/s   ratio   accepted in"
        );
        for round in 0..rounds {
            let before = tenants / 2;
            let used = &mut pair.used_by_floor;
            let mut floor_took = used.by(stand, system, floor.make(Kept, before)).await?;
            let mut bare_took = floor.make(Left, before).await?;
            let name = round.to_string();
            let made = system.make(&name, tenants);
            let done = pair.used_by_system.by(stand, system, made).await?;
            let used = &mut pair.used_by_floor;
            floor_took += used.by(stand, system, floor.make(Kept, tenants - before)).await?;
            bare_took += floor.make(Left, tenants - before).await?;
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
            pair.item_ms.extend(system.item_ms(&done.id).await?);
        }
        Ok(pair)
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
        let (floor, system) = (self.used_by_floor, self.used_by_system);
        figures.add("floor", median(&self.floor), "tenants/s");
        let bare = median(&self.floor_without_versions);
        figures.add("floor without version tables", bare, "tenants/s");
        figures.add("system", median(&self.system), "tenants/s");
        figures.add("ratio", self.ratio(), "").at_least(at_least);
        figures.add("server CPU, floor", each(floor.server_ms), "ms");
        figures.add("server CPU, system", each(system.server_ms), "ms");
        figures.add("server CPU, system by floor", system.server_ms / floor.server_ms, "");
        figures.add("CPU of API and workers", each(system.processes_ms), "ms");
        figures.add("log of changes, floor", each(floor.wal) / 1024.0, "KiB");
        figures.add("log of changes, system", each(system.wal) / 1024.0, "KiB");
    }
}
