//! A fleet of tenants migrated: how fast it goes, and how fast it is admitted.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use domain::{Direction, Kind, Migrate, OperationId, Selector, Version};
use engine::control;
use queue::Bell;
use serde_json::Value;
use store::{audit::By, tenants::Place};
use tenantdb::migrations::MigrationSet;

use super::Run;
use crate::{
    figures::{Figures, median, median_ratio},
    floor::{Floor, Shape, VersionTable},
    stand::Stand,
    system::{Setup, System},
};

/// Rounds at most: each is one more version.
const ROUNDS: usize = 9;

const WORKERS: usize = 2;

/// Between the answer that a new tenant is active and the POST of the next.
const PAUSE: Duration = Duration::from_millis(500);

const FOLDER: &str = "TENANTRY__TENANTS__MIGRATIONS_DIR";

/// The table that the floor keeps in place of Tenantry's.
const LEDGER: &str =
    "create table tenant_migrations (name text primary key, set_hash text not null,
    version text not null, applied_at timestamptz not null default now())";

/// How often [`admit`] finds nothing to do.
const IDLE_ROUNDS: usize = 9;

/// The most that an admission may take: of nothing, and of all.
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

/// Tenants migrated by one version, in turn with the floor: the same SQL and the same row in a ledger for
/// each schema, one transaction each, over as many connections as the workers have lanes for tenants that
/// are there. Both begin with new sessions, as after a deploy, and with catalogues that were just vacuumed; autovacuum
/// is off, as its share of the time would be a matter of chance. Meanwhile callers post one tenant at a time.
pub(super) async fn fleet(run: &Run<'_>) -> anyhow::Result<Figures> {
    let (stand, tenants, rounds) = (run.stand, run.tenants(2_000), run.args.rounds.min(ROUNDS));
    let connections = run.args.connections;
    let shape = Shape::of_this_repository();
    let prepare = || Floor::prepare(stand, "fleet_floor", connections, shape.clone());
    let floor = prepare().await?;
    floor.make(VersionTable::Left, tenants).await?;
    floor.run(vec![LEDGER.to_owned()]).await?;
    floor.close().await;
    // Half of a worker's lanes are for tenants that are there.
    let lanes = connections * 2;
    let env = vec![(FOLDER, folder(stand, &shape, 0)?.display().to_string())];
    let mut system = run.start(Setup { workers: WORKERS, lanes, env, ..run.setup() }).await?;
    system.make("fleet", tenants).await?;
    stand.stop_autovacuum().await?;
    let mut all = Rounds::default();
    println!(
        "\nround   floor tenants/s   system tenants/s   ratio   POST to active meanwhile, p50"
    );
    for round in 1..=rounds {
        let folder = folder(stand, &shape, round)?;
        let env = [(FOLDER, folder.display().to_string())];
        system.replace_workers(stand, &format!("-{round}"), &env).await?;
        stand.vacuum(&["fleet", "fleet_floor"]).await?;
        let floor = prepare().await?;
        all.run(stand, &floor, &system, &MigrationSet::load(&folder)?, round, tenants).await?;
        floor.close().await;
    }
    system.stop().await?;
    let what = format!(
        "{rounds} rounds of {tenants} tenants, {WORKERS} workers, {connections} connections"
    );
    let mut figures = run.figures(what);
    all.tell(&mut figures, run.args.at_least);
    Ok(figures)
}

/// Admitting a migration of a large registry: first while all are up to date, then while all are behind.
pub(super) async fn admit(run: &Run<'_>) -> anyhow::Result<Figures> {
    let tenants = run.tenants(10_000);
    let system = run.start(Setup { workers: 0, ..run.setup() }).await?;
    let set = MigrationSet::embedded();
    plant(&system, &set, tenants).await?;
    let mut nothing_ms = Vec::with_capacity(IDLE_ROUNDS);
    for _ in 0..IDLE_ROUNDS {
        let began = Instant::now();
        let admitted = bring_all_to(&system, &set).await?;
        nothing_ms.push(began.elapsed().as_secs_f64() * 1e3);
        ensure!(admitted.is_none(), "an operation without a tenant was made");
    }
    let began = Instant::now();
    let admitted = bring_all_to(&system, &MigrationSet::empty()).await?;
    let took = began.elapsed().as_secs_f64();
    ensure!(admitted.is_some(), "no operation was made");
    let jobs: i64 =
        sqlx::query_scalar("select count(*) from apalis.jobs").fetch_one(&system.pool).await?;
    ensure!(usize::try_from(jobs)? == tenants, "{jobs} jobs for {tenants} tenants");
    system.stop().await?;
    let mut figures = run.figures(format!("a registry of {tenants} tenants"));
    let name = "all are up to date: nothing is recorded, p50";
    figures.add(name, median(&nothing_ms), "ms").at_most(NOTHING_TO_DO_MS);
    figures.add("all are behind: items and jobs recorded", took, "s").at_most(ADMITTED_SECS);
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

#[derive(Debug, Default)]
struct Rounds {
    floor: Vec<f64>,
    system: Vec<f64>,
    floor_cpu_ms: Vec<f64>,
    server_cpu_ms: Vec<f64>,
    processes_cpu_ms: Vec<f64>,
    new_tenant_ms: Vec<f64>,
}

impl Rounds {
    /// Half of the floor before the system and half after.
    async fn run(
        &mut self,
        stand: &Stand,
        floor: &Floor,
        system: &System,
        set: &MigrationSet,
        round: usize,
        tenants: usize,
    ) -> anyhow::Result<()> {
        let mut texts = floor_texts(round, tenants);
        let second_half = texts.split_off(tenants / 2);
        let cpu = stand.server_ms();
        let mut floor_took = floor.run(texts).await?;
        let (half, own) = (stand.server_ms(), system.processes_ms());
        let (rate, new_ms) = migrate(system, set, round, tenants).await?;
        let (done, own) = (stand.server_ms(), system.processes_ms() - own);
        floor_took += floor.run(second_half).await?;
        let each = |ms: f64| ms / tenants as f64;
        self.floor_cpu_ms.push(each(half - cpu + stand.server_ms() - done));
        self.server_cpu_ms.push(each(done - half));
        self.processes_cpu_ms.push(each(own));
        let floor_rate = tenants as f64 / floor_took.as_secs_f64();
        println!(
            "{round:>5}   {floor_rate:>15.1}   {rate:>16.1}   {:>5.2}   {:>9.1} ms of {}",
            rate / floor_rate,
            median(&new_ms),
            new_ms.len(),
        );
        self.floor.push(floor_rate);
        self.system.push(rate);
        self.new_tenant_ms.extend(new_ms);
        Ok(())
    }

    /// The run fails when the ratio is below `at_least`.
    fn tell(&self, figures: &mut Figures, at_least: Option<f64>) {
        figures.add("floor", median(&self.floor), "tenants/s");
        figures.add("system", median(&self.system), "tenants/s");
        figures.add("ratio", median_ratio(&self.system, &self.floor), "").at_least(at_least);
        figures.add("server CPU of a tenant, floor", median(&self.floor_cpu_ms), "ms");
        figures.add("server CPU of a tenant, system", median(&self.server_cpu_ms), "ms");
        figures.add("CPU of API and workers", median(&self.processes_cpu_ms), "ms");
        figures.add_percentiles("POST of a new tenant to active, meanwhile", &self.new_tenant_ms);
    }
}

/// Migrates all; tenants a second by the database's clock, and how long each new tenant took meanwhile.
async fn migrate(
    system: &System,
    set: &MigrationSet,
    round: usize,
    tenants: usize,
) -> anyhow::Result<(f64, Vec<f64>)> {
    let id = bring_all_to(system, set).await?.context("there is nothing to migrate")?;
    let (took, new_ms) = until_over(system, id, round * 1_000_000).await?;
    let moved = moved(system, id, set).await?;
    ensure!(moved >= tenants, "only {moved} tenants were there");
    Ok((moved as f64 / took, new_ms))
}

/// How long the operation took, in seconds by the database's clock, and how long each new tenant took
/// meanwhile, whose numbers begin at `first`.
pub(super) async fn until_over(
    system: &System,
    id: OperationId,
    first: usize,
) -> anyhow::Result<(f64, Vec<f64>)> {
    let mut new_ms = Vec::new();
    let took: f64 = loop {
        new_ms.push(system.one_tenant_ms(first + new_ms.len()).await?);
        match took(system, id).await? {
            Some(took) => break took,
            None => tokio::time::sleep(PAUSE).await,
        }
    };
    // The last one may have been made after the end.
    new_ms.pop();
    Ok((took, new_ms))
}

/// Migrates all by one version, and nothing else meanwhile: how many tenants it was.
pub(super) async fn one_version(run: &Run<'_>, system: &mut System) -> anyhow::Result<usize> {
    let folder = folder(run.stand, &Shape::of_this_repository(), 1)?;
    let env = [(FOLDER, folder.display().to_string())];
    system.replace_workers(run.stand, "-1", &env).await?;
    let set = MigrationSet::load(&folder)?;
    let begun = "select exists (select from tenantry.workers where set_hash = $1)";
    while !sqlx::query_scalar(begun).bind(set.hash()).fetch_one(&system.pool).await? {
        tokio::time::sleep(PAUSE).await;
    }
    if let Some(counts) = &system.counts {
        counts.take();
    }
    let id = bring_all_to(system, &set).await?.context("there is nothing to migrate")?;
    while took(system, id).await?.is_none() {
        tokio::time::sleep(PAUSE).await;
    }
    moved(system, id, &set).await
}

/// How long the operation took, in seconds, by the database's clock; `None` while it goes on.
async fn took(system: &System, id: OperationId) -> sqlx::Result<Option<f64>> {
    let took = "select extract(epoch from finished_at - created_at)::float8
                from tenantry.operations where id = $1";
    sqlx::query_scalar(took).bind(id.get()).fetch_one(&system.pool).await
}

async fn moved(system: &System, id: OperationId, set: &MigrationSet) -> anyhow::Result<usize> {
    let (moved, all): (i64, i64) = sqlx::query_as(
        "select count(*) filter (where i.state = 'succeeded' and m.set_hash = $2), count(*)
         from tenantry.operation_items i
         join tenantry.tenant_migrations m on m.tenant_id = i.tenant_id
         where i.operation_id = $1",
    )
    .bind(id.get())
    .bind(set.hash())
    .fetch_one(&system.pool)
    .await?;
    ensure!(moved == all, "only {moved} of {all} tenants were migrated");
    Ok(usize::try_from(moved)?)
}

/// Asks for all tenants to be brought to the set's newest version.
async fn bring_all_to(system: &System, set: &MigrationSet) -> anyhow::Result<Option<OperationId>> {
    let place = Place { set_hash: set.hash().to_owned(), version: set.head().cloned() };
    let migrate = Migrate {
        direction: Direction::Up,
        set: set.hash().to_owned(),
        to: None,
        allow_drift: false,
    };
    admit_all(system, Kind::Migrate, &serde_json::to_value(migrate)?, Some(&place)).await
}

/// Asks for an operation on all tenants but those at a place.
pub(super) async fn admit_all(
    system: &System,
    kind: Kind,
    params: &Value,
    but_at: Option<&Place>,
) -> anyhow::Result<Option<OperationId>> {
    let id = OperationId::mint();
    let asked = control::Asked {
        id,
        kind,
        params,
        tenants: None,
        inputs: None,
        selector: &Selector::all(),
        with_version: &[],
        but_at,
        run_at: None,
        rollout: None,
        created_by: None,
    };
    let mut tx = system.pool.begin().await?;
    // As `tenantry migrate tenant up --all` does, which tells how many are up to date.
    control::look(&mut tx, &control::Asked { but_at: None, ..asked.clone() }).await?;
    let admitted = control::admit(&mut tx, By::process("bench"), &asked, None).await?;
    tx.commit().await?;
    queue::ring(&system.pool.clone().into(), Bell::Jobs).await;
    Ok(admitted.then_some(id))
}

/// What a version of a round does: a table, and a column of one that is there.
fn version(round: usize) -> String {
    format!(
        "create table note_{round} (
             id bigint generated always as identity primary key,
             body text not null, created_at timestamptz not null default now());
         alter table person add column note_{round} text;"
    )
}

/// The repository's migrations and the versions up to `round`, as a folder.
fn folder(stand: &Stand, shape: &Shape, round: usize) -> anyhow::Result<PathBuf> {
    let folder = stand.folder().join(format!("migrations-{round}"));
    fs::create_dir(&folder)?;
    let texts = shape.migrations.iter().cloned().chain((1..=round).map(version));
    for (n, text) in texts.enumerate() {
        fs::write(folder.join(format!("{:04}_version.sql", n + 1)), text)?;
    }
    Ok(folder)
}

/// The same for each of the floor's schemas, and its row in the ledger.
fn floor_texts(round: usize, tenants: usize) -> Vec<String> {
    let (version, hash) = (version(round), "0123456789abcdef".repeat(6));
    let text = |n| {
        format!(
            "begin;
             set local search_path to floor_fleet_floor_0_{n};
             {version}
             insert into public.tenant_migrations (name, set_hash, version)
             values ('floor_fleet_floor_0_{n}', '{hash}', '{round}') on conflict (name) do update
             set set_hash = excluded.set_hash, version = excluded.version, applied_at = now();
             commit;"
        )
    };
    (0..tenants).map(text).collect()
}
