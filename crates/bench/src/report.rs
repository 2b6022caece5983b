//! The figures, for people and for programs.

use crate::{idle::Idle, system::Round};

/// Everything one run measured.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Report {
    tenants: usize,
    connections: usize,
    workers: usize,
    /// Tenants a second of the floor, one figure a round.
    pub(crate) floor: Vec<f64>,
    /// The system, one a round.
    pub(crate) system: Vec<Round>,
    pub(crate) cpu: Cpu,
    /// Mean milliseconds of each step.
    pub(crate) steps: Vec<(String, f64)>,
    pub(crate) idle: Option<Idle>,
}

/// Processor time over all rounds, in milliseconds.
#[derive(Debug, Default, serde::Serialize)]
pub(crate) struct Cpu {
    /// Of the server for the floor.
    floor_ms: f64,
    /// Of the server for the system.
    server_ms: f64,
    /// Of the API and the workers.
    processes_ms: f64,
}

impl Cpu {
    pub(crate) fn add(&mut self, floor_ms: f64, server_ms: f64, processes_ms: f64) {
        self.floor_ms += floor_ms;
        self.server_ms += server_ms;
        self.processes_ms += processes_ms;
    }
}

impl Report {
    pub(crate) fn new(tenants: usize, connections: usize, workers: usize) -> Self {
        Self {
            tenants,
            connections,
            workers,
            floor: vec![],
            system: vec![],
            cpu: Cpu::default(),
            steps: vec![],
            idle: None,
        }
    }

    /// System by floor: the median of the ratios of the rounds.
    pub(crate) fn ratio(&self) -> f64 {
        median(self.ratios())
    }

    fn ratios(&self) -> Vec<f64> {
        self.floor.iter().zip(&self.system).map(|(f, s)| s.tenants_per_second / f).collect()
    }

    pub(crate) fn print_round(&self, round: usize) {
        if round == 0 {
            println!(
                "{} tenants a round, {} connections, {} worker processes, fsync on\n",
                self.tenants, self.connections, self.workers
            );
            println!("round   floor tenants/s   system tenants/s   ratio   accepted in");
        }
        println!(
            "{:>5}   {:>15.1}   {:>16.1}   {:>5.2}   {:>8.1} ms",
            round + 1,
            self.floor[round],
            self.system[round].tenants_per_second,
            self.system[round].tenants_per_second / self.floor[round],
            self.system[round].accepted_ms,
        );
    }

    pub(crate) fn print(&self) {
        println!(
            "median  {:>15.1}   {:>16.1}   {:>5.2}\n",
            median(self.floor.clone()),
            median(self.system.iter().map(|round| round.tenants_per_second).collect()),
            self.ratio(),
        );
        let each = |ms: f64| ms / (self.tenants * self.floor.len()) as f64;
        let (floor, server) = (each(self.cpu.floor_ms), each(self.cpu.server_ms));
        println!("server CPU a tenant, floor:            {floor:>8.2} ms");
        println!(
            "server CPU a tenant, system:           {server:>8.2} ms ({:.2} of the floor)",
            server / floor
        );
        println!("CPU a tenant of API and workers:       {:>8.2} ms", each(self.cpu.processes_ms));
        for (step, mean_ms) in &self.steps {
            println!("{step:<38} {mean_ms:>8.2} ms (mean)");
        }
        let Some(idle) = &self.idle else { return };
        println!("one tenant at a time, POST to active:  {:>8.1} ms (p50)", idle.single_p50_ms);
        println!("from queued to claimed when idle:      {:>8.1} ms (p50)", idle.wait_p50_ms);
        println!("transactions of an idle system:        {:>8.1} /s", idle.transactions_per_second);
        let memory = |mib: Option<u64>| mib.map_or("?".to_owned(), |m| m.to_string());
        println!("peak memory of the API:                {:>8} MiB", memory(idle.api_memory_mib));
        println!(
            "peak memory of a worker:               {:>8} MiB",
            memory(idle.worker_memory_mib)
        );
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    if figures.is_empty() {
        return f64::NAN;
    }
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    if figures.len() % 2 == 1 {
        figures[middle]
    } else {
        f64::midpoint(figures[middle - 1], figures[middle])
    }
}
