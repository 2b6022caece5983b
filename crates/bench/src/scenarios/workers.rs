//! The same work on 1, 2 and 4 worker processes, which share the transactions.

use crate::{Args, figures::Figures, floor::Shape, pair::Pair, stand::Stand, system::Setup};

/// Tenants a round.
const TENANTS: usize = 500;

const PROCESSES: [(usize, &str); 3] = [(1, "workers_1"), (2, "workers_2"), (4, "workers_4")];

pub(crate) async fn measure(stand: &Stand, args: &Args) -> anyhow::Result<Figures> {
    let tenants = args.tenants.unwrap_or(TENANTS);
    let shape = Shape::of_this_repository();
    let mut figures =
        Figures::of("workers", format!("{} rounds of {tenants} tenants on each", args.rounds));
    for (workers, database) in PROCESSES {
        let setup = Setup { workers, ..Setup::of(database, args) };
        let (pair, system) = Pair::of(stand, args, &shape, setup, tenants).await?;
        figures.add(format!("ratio with {workers}"), pair.ratio(), "");
        system.stop().await?;
    }
    Ok(figures)
}
