//! Admitting a migration of 10,000 tenants: first while all are up to date, then while all are behind.

use std::time::Instant;

use anyhow::ensure;
use domain::Version;
use tenantdb::migrations::MigrationSet;

use super::fleet::admit;
use crate::{
    Args,
    figures::{Figures, median},
    stand::Stand,
    system::{Setup, System},
};

/// Tenants in the registry.
const TENANTS: usize = 10_000;

/// How often nothing is to be done.
const IDLE_ROUNDS: usize = 9;

/// The most that either may take.
const NOTHING_TO_DO_MS: f64 = 100.0;
const ADMITTED_SECS: f64 = 1.5;

/// Rows of tenants, without schemas: no worker runs that would look for them.
const PLANT: &str = "
    with planted as (
        insert into tenantry.tenants (name, domain, schema_name, role_name, state, activated_at)
        select 'Fleet ' || n, 'f' || n || '.bench.example', 'f' || n, 'r' || n, 'active', now()
        from generate_series(1, $1) as n
        returning id
    ), known as (
        insert into tenantry.migration_sets (hash, versions, descriptions, checksums)
        values ($2, $3, $3, $3) on conflict do nothing
    )
    insert into tenantry.tenant_migrations (tenant_id, set_hash, version)
    select id, $2, $4 from planted";

pub(crate) async fn measure(stand: &Stand, args: &Args) -> anyhow::Result<Figures> {
    let tenants = args.tenants.unwrap_or(TENANTS);
    let setup = Setup { workers: 0, ..Setup::of("admit", args) };
    let system = System::start(stand, setup).await?;
    let set = MigrationSet::embedded();
    plant(&system, &set, tenants).await?;
    let mut nothing_ms = Vec::with_capacity(IDLE_ROUNDS);
    for _ in 0..IDLE_ROUNDS {
        let began = Instant::now();
        ensure!(admit(&system, &set).await?.is_none(), "an operation without a tenant was made");
        nothing_ms.push(began.elapsed().as_secs_f64() * 1e3);
    }
    let began = Instant::now();
    let behind = MigrationSet::empty();
    let admitted = admit(&system, &behind).await?;
    let took = began.elapsed().as_secs_f64();
    ensure!(admitted.is_some(), "no operation was made");
    let jobs: i64 =
        sqlx::query_scalar("select count(*) from apalis.jobs").fetch_one(&system.pool).await?;
    ensure!(usize::try_from(jobs)? == tenants, "{jobs} jobs for {tenants} tenants");
    system.stop().await?;
    let mut figures = Figures::of("admit", format!("a registry of {tenants} tenants"));
    let name = "all are up to date: nothing is recorded, p50";
    figures.add_at_most(name, median(&nothing_ms), "ms", NOTHING_TO_DO_MS);
    figures.add_at_most("all are behind: items and jobs recorded", took, "s", ADMITTED_SECS);
    Ok(figures)
}

async fn plant(system: &System, set: &MigrationSet, tenants: usize) -> anyhow::Result<()> {
    let versions: Vec<&str> = set.iter().map(|m| m.version().as_str()).collect();
    sqlx::query(PLANT)
        .bind(i32::try_from(tenants)?)
        .bind(set.hash())
        .bind(versions)
        .bind(set.head().map(Version::as_str))
        .execute(&system.pool)
        .await?;
    sqlx::raw_sql("analyze tenantry.tenants, tenantry.tenant_migrations, tenantry.migration_sets")
        .execute(&system.pool)
        .await?;
    Ok(())
}
