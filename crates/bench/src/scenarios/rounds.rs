//! Rounds of new tenants, in turn with the floor.

use std::fs;

use futures::{StreamExt, TryStreamExt, stream};

use super::Run;
use crate::{figures::Figures, floor::Shape, pair::Pair, system::Setup};

/// Tenants posted one after the other, once all bursts are over.
const POSTED: usize = 100;

/// How fast the pool is filled again between the bursts, in spares a second.
const REFILL: usize = 200;

const TABLES: usize = 20;

pub(super) async fn cold(run: &Run<'_>) -> anyhow::Result<Figures> {
    let tenants = run.tenants(1_000);
    let (pair, system) = Pair::of(run, &Shape::of_this_repository(), run.setup(), tenants).await?;
    let args = run.args;
    let mut figures = run.figures(format!(
        "{} rounds of {tenants} tenants, {} connections, {} worker processes",
        args.rounds, args.connections, args.workers
    ));
    pair.tell(&mut figures, args.at_least);
    pair.tell_items(&mut figures, &system).await?;
    let (api, worker) = system.peak_memory_mib();
    figures.add("peak memory of the API", api, "MiB");
    figures.add("peak memory of a worker", worker, "MiB");
    system.stop().await?;
    Ok(figures)
}

pub(super) async fn warm(run: &Run<'_>) -> anyhow::Result<Figures> {
    let tenants = run.tenants(500);
    let setup = Setup {
        spares: tenants,
        env: vec![("TENANTRY__POOL__REFILL_PER_SECOND", REFILL.to_string())],
        ..run.setup()
    };
    let (pair, system) = Pair::of(run, &Shape::of_this_repository(), setup, tenants).await?;
    system.pool_is_full(tenants).await?;
    let answered: Vec<f64> =
        stream::iter(0..POSTED).then(|n| system.one_tenant_ms(n)).try_collect().await?;
    let what = format!("{} bursts of {tenants} tenants with {tenants} spares", run.args.rounds);
    let mut figures = run.figures(what);
    pair.tell(&mut figures, run.args.at_least);
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

pub(super) async fn wide(run: &Run<'_>) -> anyhow::Result<Figures> {
    let tenants = run.tenants(200);
    let shape = Shape::of_tables(TABLES);
    let migrations = run.stand.folder().join("wide");
    fs::create_dir_all(&migrations)?;
    fs::write(migrations.join("0001_tables.sql"), shape.migrations.join("\n"))?;
    let env = vec![("TENANT_MIGRATIONS_DIR", migrations.display().to_string())];
    let (pair, system) = Pair::of(run, &shape, Setup { env, ..run.setup() }, tenants).await?;
    let what = format!("{} rounds of {tenants} tenants of {TABLES} tables", run.args.rounds);
    let mut figures = run.figures(what);
    pair.tell(&mut figures, None);
    system.stop().await?;
    Ok(figures)
}

/// The same work on 1, 2 and 4 worker processes, which share the transactions.
pub(super) async fn workers(run: &Run<'_>) -> anyhow::Result<Figures> {
    let tenants = run.tenants(500);
    let rounds = run.args.rounds;
    let mut figures = run.figures(format!("{rounds} rounds of {tenants} tenants on each"));
    for workers in [1, 2, 4] {
        let setup = Setup { database: format!("workers_{workers}"), workers, ..run.setup() };
        let (pair, system) = Pair::of(run, &Shape::of_this_repository(), setup, tenants).await?;
        figures.add(format!("ratio with {workers}"), pair.ratio(), "");
        system.stop().await?;
    }
    Ok(figures)
}
