//! How long it takes until a large batch is accepted; nobody works on it.

use crate::{
    Args,
    figures::Figures,
    stand::Stand,
    system::{Setup, System, batch},
};

const SIZES: [usize; 2] = [10_000, 50_000];

pub(crate) async fn measure(stand: &Stand, args: &Args) -> anyhow::Result<Figures> {
    let setup = Setup { workers: 0, ..Setup::of("submit", args) };
    let system = System::start(stand, setup).await?;
    let mut figures = Figures::of("submit", "NDJSON, accepted, no workers");
    for size in SIZES {
        let (_, accepted_ms) = system.submit(&batch(&size.to_string(), size)).await?;
        figures.add(format!("{size} tenants"), accepted_ms / 1e3, "s");
        let (api, _) = system.peak_memory_mib();
        figures.add(format!("peak memory of the API, after {size}"), api, "MiB");
    }
    system.stop().await?;
    Ok(figures)
}
