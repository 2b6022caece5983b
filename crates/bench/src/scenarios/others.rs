//! What people use instead, beside the system: a script that starts psql for each tenant, and a
//! database for each tenant. Both run the floor's SQL, and check and record nothing.

use std::{process::Stdio, time::Instant};

use anyhow::{Context, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::{io::AsyncWriteExt, process::Command};

use crate::{
    Args,
    figures::{Figures, median},
    floor::{Floor, Shape, VersionTable},
    stand::Stand,
    system::{Setup, System},
};

/// Tenants a round. A database takes tens of times as long as a schema.
const TENANTS: usize = 200;
const DATABASES: usize = 20;

/// Tenants each a second, round by round.
#[derive(Default)]
struct Rates {
    floor: Vec<f64>,
    script: Vec<f64>,
    scripts: Vec<f64>,
    databases: Vec<f64>,
    system: Vec<f64>,
}

pub(crate) async fn measure(stand: &Stand, args: &Args) -> anyhow::Result<Figures> {
    let tenants = args.tenants.unwrap_or(TENANTS);
    let shape = Shape::of_this_repository();
    let floor = Floor::prepare(stand, "others_floor", args.connections, &shape).await?;
    let setup = Setup {
        database: "others",
        workers: args.workers,
        lanes: args.connections,
        spares: 0,
        env: vec![],
        counted: false,
    };
    let system = System::start(stand, setup).await?;
    let url = stand.database("others_floor")?;
    let mut rates = Rates::default();
    for round in 0..args.rounds {
        let rate = |made: usize, began: Instant| made as f64 / began.elapsed().as_secs_f64();
        rates
            .floor
            .push(tenants as f64 / floor.make(VersionTable::Kept, tenants).await?.as_secs_f64());
        let began = Instant::now();
        scripts(&url, floor.texts(VersionTable::Kept, tenants), 1).await?;
        rates.script.push(rate(tenants, began));
        let began = Instant::now();
        scripts(&url, floor.texts(VersionTable::Kept, tenants), args.connections).await?;
        rates.scripts.push(rate(tenants, began));
        let began = Instant::now();
        databases(stand, round, floor.texts(VersionTable::Kept, DATABASES)).await?;
        rates.databases.push(rate(DATABASES, began));
        rates.system.push(system.make(&round.to_string(), tenants).await?.tenants_per_second);
    }
    system.stop().await?;
    floor.close().await;
    Ok(rates.told(args, tenants))
}

impl Rates {
    fn told(&self, args: &Args, tenants: usize) -> Figures {
        let (rounds, together) = (args.rounds, args.connections);
        let what = format!("{rounds} rounds of {tenants} tenants, {DATABASES} databases");
        let mut figures = Figures::of("others", what);
        let mut add = |name: String, rates: &[f64]| figures.add(name, median(rates), "tenants/s");
        add(format!("floor, {together} connections"), &self.floor);
        add("psql for each tenant, one after the other".to_owned(), &self.script);
        add(format!("psql for each tenant, {together} at a time"), &self.scripts);
        add("a database for each tenant, one after the other".to_owned(), &self.databases);
        add("system".to_owned(), &self.system);
        figures
    }
}

/// Runs each text by a psql of its own.
async fn scripts(url: &str, texts: Vec<String>, at_a_time: usize) -> anyhow::Result<()> {
    let runs = stream::iter(texts).map(|text| psql(url, text));
    runs.buffer_unordered(at_a_time).try_collect().await
}

/// Runs each text in a new database.
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
