//! What people use instead, beside the system: a script that starts psql for each tenant, and a
//! database for each tenant. Both run the floor's SQL, and check and record nothing.

use std::{process::Stdio, time::Instant};

use anyhow::{Context, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::{io::AsyncWriteExt, process::Command};

use super::Run;
use crate::{
    figures::{Figures, median},
    floor::{Floor, Shape, VersionTable},
    stand::Stand,
};

/// Databases a round: one takes tens of times as long as a schema.
const DATABASES: usize = 20;

pub(super) async fn others(run: &Run<'_>) -> anyhow::Result<Figures> {
    let (stand, tenants, together) = (run.stand, run.tenants(200), run.args.connections);
    let shape = Shape::of_this_repository();
    let floor = Floor::prepare(stand, "others_floor", together, shape).await?;
    let system = run.start(run.setup()).await?;
    let url = stand.database("others_floor")?;
    let texts = |tenants| floor.texts(VersionTable::Kept, tenants);
    let mut rates: [Vec<f64>; 5] = Default::default();
    for round in 0..run.args.rounds {
        let bare = floor.make(VersionTable::Kept, tenants).await?;
        let made = [
            tenants as f64 / bare.as_secs_f64(),
            rate(tenants, scripts(&url, texts(tenants), 1)).await?,
            rate(tenants, scripts(&url, texts(tenants), together)).await?,
            rate(DATABASES, databases(stand, round, texts(DATABASES))).await?,
            system.make(&round.to_string(), tenants).await?.tenants_per_second,
        ];
        rates.iter_mut().zip(made).for_each(|(of_all, rate)| of_all.push(rate));
    }
    system.stop().await?;
    floor.close().await;
    let what = format!("{} rounds of {tenants} tenants, {DATABASES} databases", run.args.rounds);
    let mut figures = run.figures(what);
    let names = [
        format!("floor, {together} connections"),
        "psql for each tenant, one after the other".to_owned(),
        format!("psql for each tenant, {together} at a time"),
        "a database for each tenant, one after the other".to_owned(),
        "system".to_owned(),
    ];
    for (name, rates) in names.into_iter().zip(&rates) {
        figures.add(name, median(rates), "tenants/s");
    }
    Ok(figures)
}

async fn rate(
    tenants: usize,
    making: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<f64> {
    let began = Instant::now();
    making.await?;
    Ok(tenants as f64 / began.elapsed().as_secs_f64())
}

async fn scripts(url: &str, texts: Vec<String>, at_a_time: usize) -> anyhow::Result<()> {
    let runs = stream::iter(texts).map(|text| psql(url, text));
    runs.buffer_unordered(at_a_time).try_collect().await
}

async fn databases(stand: &Stand, round: usize, texts: Vec<String>) -> anyhow::Result<()> {
    for (n, text) in texts.into_iter().enumerate() {
        let url = stand.database(&format!("others_{round}_{n}"))?;
        psql(&url, text).await?;
    }
    Ok(())
}

async fn psql(url: &str, text: String) -> anyhow::Result<()> {
    let mut child = Command::new("psql")
        .args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", url])
        .stdin(Stdio::piped())
        .spawn()
        .context("could not start psql, which this scenario needs")?;
    let mut input = child.stdin.take().context("psql has no input")?;
    input.write_all(text.as_bytes()).await?;
    drop(input);
    let ended = child.wait().await?;
    ensure!(ended.success(), "psql ended with {ended}");
    Ok(())
}
