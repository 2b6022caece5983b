//! Bursts of tenants that were built in advance, in turn with the floor; and one at a time.

use crate::{Args, figures::Figures, floor::Shape, pair::Pair, stand::Stand, system::Setup};

/// Tenants a burst, and spares.
const TENANTS: usize = 500;

/// Tenants posted one after the other, at the end.
const POSTED: usize = 100;

/// How fast the pool is filled again between the bursts, in spares a second.
const REFILL: usize = 200;

pub(crate) async fn measure(stand: &Stand, args: &Args) -> anyhow::Result<Figures> {
    let tenants = args.tenants.unwrap_or(TENANTS);
    let setup = Setup {
        spares: tenants,
        env: vec![("TENANTRY__POOL__REFILL_PER_SECOND", REFILL.to_string())],
        ..Setup::of("warm", args)
    };
    let shape = Shape::of_this_repository();
    let (pair, system) = Pair::of(stand, args, &shape, setup, tenants).await?;
    system.pool_is_full(tenants).await?;
    let mut answered = Vec::with_capacity(POSTED);
    for n in 0..POSTED {
        answered.push(system.one_tenant_ms(n).await?);
    }
    let what = format!("{} bursts of {tenants} tenants with {tenants} spares", args.rounds);
    let mut figures = Figures::of("warm", what);
    pair.tell(&mut figures, args.at_least);
    figures.add_percentiles("POST of one to active", &answered);
    pair.tell_items(&mut figures, &system).await?;
    let taken: i64 = sqlx::query_scalar(
        "select count(*) from tenantry.checkpoints where steps @> '[{\"name\": \"take_spare\"}]'",
    )
    .fetch_one(&system.pool)
    .await?;
    figures.add("tenants that got a spare", taken as f64, "");
    system.stop().await?;
    Ok(figures)
}
