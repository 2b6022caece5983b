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
    pub(crate) idle: Option<Idle>,
}

impl Report {
    pub(crate) fn new(tenants: usize, connections: usize, workers: usize) -> Self {
        Self { tenants, connections, workers, floor: vec![], system: vec![], idle: None }
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
