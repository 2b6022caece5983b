//! Batches of tenants made from nothing, in turn with the floor.

use crate::{
    Args,
    figures::{Figures, median, percentile},
    floor::{Floor, Shape},
    stand::Stand,
    system::{Setup, System},
};

/// Tenants a round.
const TENANTS: usize = 1_000;

/// What all rounds of the two sides came to.
#[derive(Debug, Default)]
pub(crate) struct Pair {
    pub(crate) tenants: usize,
    pub(crate) floor: Vec<f64>,
    pub(crate) system: Vec<f64>,
    pub(crate) accepted_ms: Vec<f64>,
    pub(crate) item_ms: Vec<f64>,
    pub(crate) floor_cpu_ms: f64,
    pub(crate) server_cpu_ms: f64,
    pub(crate) processes_cpu_ms: f64,
    pub(crate) floor_wal: f64,
    pub(crate) system_wal: f64,
}

impl Pair {
    /// System by floor, round by round.
    pub(crate) fn ratio(&self) -> f64 {
        let ratios: Vec<f64> = self.floor.iter().zip(&self.system).map(|(f, s)| s / f).collect();
        median(&ratios)
    }

    /// Runs the rounds, and prints each.
    pub(crate) async fn run(
        stand: &Stand,
        (floor, system): (&Floor, &System),
        rounds: usize,
        tenants: usize,
    ) -> anyhow::Result<Self> {
        let mut pair = Self { tenants: tenants * rounds, ..Self::default() };
        println!("\nround   floor tenants/s   system tenants/s   ratio   accepted in");
        for round in 0..rounds {
            system.pool_is_full(system.spares).await?;
            let (cpu, own, wal) =
                (stand.server_ms(), system.processes_ms(), system.wal_bytes().await?);
            let floor_rate = floor.make(tenants).await?;
            let (cpu_between, wal_between) = (stand.server_ms(), system.wal_bytes().await?);
            let done = system.make(&round.to_string(), tenants).await?;
            pair.server_cpu_ms += stand.server_ms() - cpu_between;
            pair.processes_cpu_ms += system.processes_ms() - own;
            pair.system_wal += system.wal_bytes().await? - wal_between;
            pair.floor_cpu_ms += cpu_between - cpu;
            pair.floor_wal += wal_between - wal;
            let rate = done.tenants_per_second;
            println!(
                "{:>5}   {floor_rate:>15.1}   {rate:>16.1}   {:>5.2}   {:>8.1} ms",
                round + 1,
                rate / floor_rate,
                done.accepted_ms
            );
            pair.floor.push(floor_rate);
            pair.system.push(rate);
            pair.accepted_ms.push(done.accepted_ms);
            pair.item_ms.extend(system.item_ms(&done.id).await?);
        }
        Ok(pair)
    }

    /// The figures of both sides, all by tenant.
    pub(crate) fn tell(&self, figures: &mut Figures) {
        let each = |sum: f64| sum / self.tenants as f64;
        figures.add("floor", median(&self.floor), "tenants/s");
        figures.add("system", median(&self.system), "tenants/s");
        figures.add("ratio", self.ratio(), "");
        figures.add("server CPU, floor", each(self.floor_cpu_ms), "ms");
        figures.add("server CPU, system", each(self.server_cpu_ms), "ms");
        figures.add("server CPU, system by floor", self.server_cpu_ms / self.floor_cpu_ms, "");
        figures.add("CPU of API and workers", each(self.processes_cpu_ms), "ms");
        figures.add("log of changes, floor", each(self.floor_wal) / 1024.0, "KiB");
        figures.add("log of changes, system", each(self.system_wal) / 1024.0, "KiB");
    }
}

pub(crate) async fn measure(stand: &Stand, args: &Args) -> anyhow::Result<Figures> {
    let tenants = args.tenants.unwrap_or(TENANTS);
    let shape = Shape::of_this_repository();
    let floor = Floor::prepare(stand, "cold_floor", args.connections, &shape).await?;
    let setup = Setup {
        database: "cold",
        workers: args.workers,
        lanes: args.connections,
        spares: 0,
        env: vec![],
        counted: false,
    };
    let system = System::start(stand, setup).await?;
    let pair = Pair::run(stand, (&floor, &system), args.rounds, tenants).await?;
    let mut figures = Figures::of(
        "cold",
        format!(
            "{} rounds of {tenants} tenants, {} connections, {} worker processes",
            args.rounds, args.connections, args.workers
        ),
    );
    pair.tell(&mut figures);
    for (name, share) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)] {
        let name = format!("from queued to active, {name}");
        figures.add(name, percentile(&pair.item_ms, share), "ms");
    }
    for (step, mean_ms) in system.step_means_ms().await? {
        figures.add(format!("step {step}, mean"), mean_ms, "ms");
    }
    let (api, worker) = system.peak_memory_mib();
    figures.add("peak memory of the API", api, "MiB");
    figures.add("peak memory of a worker", worker, "MiB");
    if let Some(least) = args.at_least {
        figures.ask_at_least("ratio", least);
    }
    system.stop().await?;
    floor.close().await;
    Ok(figures)
}
