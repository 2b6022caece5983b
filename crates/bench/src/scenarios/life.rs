//! A fleet suspended and resumed at once, and one deleted.

use std::time::Duration;

use anyhow::{Context, ensure};
use domain::{Kind, OperationId};
use serde_json::json;

use super::{
    Run,
    fleet::{admit_all, until_over},
};
use crate::{
    figures::{Figures, median, median_ratio},
    floor::{Floor, Shape, VersionTable},
    system::{Setup, System},
};

const WORKERS: usize = 2;

/// The least that may be suspended in a second.
const SUSPENDED_A_SECOND: f64 = 500.0;

/// All tenants suspended by one operation, then resumed by another; callers post one tenant at a time
/// meanwhile.
pub(super) async fn life(run: &Run<'_>) -> anyhow::Result<Figures> {
    let tenants = run.tenants(10_000);
    let system = run.start(Setup { workers: WORKERS, ..run.setup() }).await?;
    system.make("life", tenants).await?;
    let mut figures = run.figures(format!("{tenants} tenants, {WORKERS} workers"));
    for (kind, what, least) in
        [(Kind::Suspend, "suspended", Some(SUSPENDED_A_SECOND)), (Kind::Resume, "resumed", None)]
    {
        let server_ms = run.stand.server_ms();
        let (rate, new_ms) = all(&system, kind).await?;
        let each = (run.stand.server_ms() - server_ms) / tenants as f64;
        figures.add(what, rate, "tenants/s").at_least(least);
        figures.add(format!("{what}: server CPU of a tenant"), each, "ms");
        let name = format!("{what}: POST of a new tenant to active meanwhile, p50");
        figures.add(name, median(&new_ms), "ms");
    }
    system.stop().await?;
    Ok(figures)
}

/// Tenants whose grace is over dropped, in turn with the floor: `drop schema … cascade; drop role`, one
/// transaction each, over as many connections as the workers drop with, one each. Callers post one
/// tenant at a time meanwhile.
pub(super) async fn delete(run: &Run<'_>) -> anyhow::Result<Figures> {
    let (stand, tenants, rounds) = (run.stand, run.tenants(1_000), run.args.rounds);
    let shape = Shape::of_this_repository();
    let floor = Floor::prepare(stand, "delete_floor", WORKERS, shape).await?;
    let env = vec![("TENANTRY__DELETION__PURGES_PER_MINUTE", "0".to_owned())];
    let system = run.start(Setup { workers: WORKERS, env, ..run.setup() }).await?;
    let (mut floors, mut systems, mut new_ms) = (Vec::new(), Vec::new(), Vec::new());
    println!("\nround   floor tenants/s   system tenants/s   ratio");
    for round in 1..=rounds {
        floor.make(VersionTable::Left, tenants).await?;
        system.make(&format!("delete-{round}"), tenants).await?;
        let mut drops = floor.drops(tenants);
        let second_half = drops.split_off(tenants / 2);
        let mut took = floor.run(drops).await?;
        let (rate, meanwhile) = purge(&system, round).await?;
        took += floor.run(second_half).await?;
        let floor_rate = tenants as f64 / took.as_secs_f64();
        println!("{round:>5}   {floor_rate:>15.1}   {rate:>16.1}   {:>5.2}", rate / floor_rate);
        floors.push(floor_rate);
        systems.push(rate);
        new_ms.extend(meanwhile);
    }
    floor.close().await;
    system.stop().await?;
    let what = format!("{rounds} rounds of {tenants} tenants, {WORKERS} workers");
    let mut figures = run.figures(what);
    figures.add("floor", median(&floors), "tenants/s");
    figures.add("system", median(&systems), "tenants/s");
    figures.add("ratio", median_ratio(&systems, &floors), "").at_least(run.args.at_least);
    figures.add("POST of a new tenant to active meanwhile, p50", median(&new_ms), "ms");
    Ok(figures)
}

/// Deletes all with no grace; tenants dropped a second by the database's clock, from the first item of kind `purge`
/// to the last, and how long each new tenant took meanwhile.
async fn purge(system: &System, round: usize) -> anyhow::Result<(f64, Vec<f64>)> {
    let params = json!({ "grace_days": 0, "name_hold_days": 0 });
    let asked = admit_all(system, Kind::Delete, &params, None).await?;
    let asked = asked.context("there are no tenants")?;
    let purge = loop {
        let purge: Option<String> = sqlx::query_scalar(
            "select id::text from tenantry.operations where kind = 'purge' and created_at > (
                 select created_at from tenantry.operations where id = $1)
             order by created_at limit 1",
        )
        .bind(asked.get())
        .fetch_optional(&system.pool)
        .await?;
        match purge {
            Some(id) => break id.parse::<OperationId>()?,
            None => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    };
    let (_, new_ms) = until_over(system, purge, round * 1_000_000).await?;
    let (done, asked, took): (i64, i64, f64) = sqlx::query_as(
        "select count(*) filter (where state = 'succeeded'), count(*),
                extract(epoch from max(finished_at) - min(started_at))::float8
         from tenantry.operation_items where operation_id = $1",
    )
    .bind(purge.get())
    .fetch_one(&system.pool)
    .await?;
    ensure!(done == asked, "only {done} of {asked} tenants were dropped");
    Ok((done as f64 / took, new_ms))
}

/// Tenants a second by the database's clock, and how long each new tenant took meanwhile.
async fn all(system: &System, kind: Kind) -> anyhow::Result<(f64, Vec<f64>)> {
    let id = admit_all(system, kind, &json!({}), None).await?.context("there are no tenants")?;
    let (took, new_ms) = until_over(system, id, kind as usize * 1_000_000).await?;
    let (done, asked): (i64, i64) = sqlx::query_as(
        "select count(*) filter (where state = 'succeeded'), count(*)
         from tenantry.operation_items where operation_id = $1",
    )
    .bind(id.get())
    .fetch_one(&system.pool)
    .await?;
    ensure!(done == asked, "only {done} of {asked} items succeeded");
    Ok((done as f64 / took, new_ms))
}
