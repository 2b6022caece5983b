//! Batches of tenants made from nothing, in turn with the floor.

use crate::{Args, figures::Figures, floor::Shape, pair::Pair, stand::Stand, system::Setup};

/// Tenants a round.
const TENANTS: usize = 1_000;

pub(crate) async fn measure(stand: &Stand, args: &Args) -> anyhow::Result<Figures> {
    let tenants = args.tenants.unwrap_or(TENANTS);
    let (shape, setup) = (Shape::of_this_repository(), Setup::of("cold", args));
    let (pair, system) = Pair::of(stand, args, &shape, setup, tenants).await?;
    let mut figures = Figures::of(
        "cold",
        format!(
            "{} rounds of {tenants} tenants, {} connections, {} worker processes",
            args.rounds, args.connections, args.workers
        ),
    );
    pair.tell(&mut figures, args.at_least);
    pair.tell_items(&mut figures, &system).await?;
    let (api, worker) = system.peak_memory_mib();
    figures.add("peak memory of the API", api, "MiB");
    figures.add("peak memory of a worker", worker, "MiB");
    system.stop().await?;
    Ok(figures)
}
