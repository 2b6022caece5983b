//! The same work on 1, 2 and 4 worker processes, which share the transactions.

use crate::{
    Args,
    figures::Figures,
    floor::{Floor, Shape},
    pair::Pair,
    stand::Stand,
    system::{Setup, System},
};

/// Tenants a round.
const TENANTS: usize = 500;

const PROCESSES: [(usize, &str); 3] = [(1, "workers_1"), (2, "workers_2"), (4, "workers_4")];

pub(crate) async fn measure(stand: &Stand, args: &Args) -> anyhow::Result<Figures> {
    let tenants = args.tenants.unwrap_or(TENANTS);
    let shape = Shape::of_this_repository();
    let floor = Floor::prepare(stand, "workers_floor", args.connections, &shape).await?;
    let mut figures =
        Figures::of("workers", format!("{} rounds of {tenants} tenants on each", args.rounds));
    for (workers, database) in PROCESSES {
        let lanes = args.connections;
        let setup = Setup { database, workers, lanes, spares: 0, env: vec![], counted: false };
        let system = System::start(stand, setup).await?;
        let pair = Pair::run(stand, (&floor, &system), args.rounds, tenants).await?;
        figures.add(format!("ratio with {workers}"), pair.ratio(), "");
        system.stop().await?;
    }
    floor.close().await;
    Ok(figures)
}
