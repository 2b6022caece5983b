//! A fleet suspended and resumed at once.

use anyhow::{Context, ensure};
use domain::Kind;
use serde_json::json;

use super::{
    Run,
    fleet::{admit_all, until_over},
};
use crate::{
    figures::{Figures, median},
    system::{Setup, System},
};

const WORKERS: usize = 2;

/// The least that may be suspended in a second.
const SUSPENDED_A_SECOND: f64 = 500.0;

/// All tenants suspended by one operation, then resumed by another; callers post one tenant at a time
/// meanwhile.
pub(super) async fn life(run: &Run<'_>) -> anyhow::Result<Figures> {
    let tenants = run.tenants(10_000);
    let lanes = run.args.connections * 2;
    let system = run.start(Setup { workers: WORKERS, lanes, ..run.setup() }).await?;
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
