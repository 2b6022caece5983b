//! Kind `migrate`, and sets of migrations that one transaction cannot apply.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the failure")]

#[path = "../bench/mod.rs"]
mod bench;
mod direct;
mod needs_shared;
mod rollout;
mod together;

use std::{fs, path::Path, sync::Arc, time::Duration};

use domain::{Backoff, Direction, Kind, Migrate, OperationId, Selector, TenantId};
use engine::{Runner, control};
use operations::{
    Executor, Making, Parts, Plans, RetryRules, carry_out, learning, migrate::Migrating,
};
use sqlx::PgPool;
use store::{StageLimits, audit::By, tenants::Place};
use tempfile::TempDir;
use tenantdb::{Promise, migrations::MigrationSet};
use tokio_util::sync::CancellationToken;

use crate::bench::{WORKER, item_state, parts, register, remains, submit, take, tenant_state};

/// The files of a folder, as text.
type Files = &'static [(&'static str, &'static str)];

const FIRST: Files = &[(
    "0001_ticket.up.sql",
    "create type mood as enum ('good');
     create table ticket (id bigint primary key, mood mood not null);",
)];

const LATER: Files = &[
    FIRST[0],
    ("0002_bad.up.sql", "alter type mood add value 'bad';"),
    ("0003_default.up.sql", "create table complaint (mood mood not null default 'bad');"),
    (
        "0004_index.up.sql",
        "-- no-transaction
         create index concurrently ticket_mood on ticket (mood);",
    ),
    ("0004_index.down.sql", "-- no-transaction\ndrop index concurrently if exists ticket_mood;"),
    ("0003_default.down.sql", "drop table complaint;"),
];

/// A folder with these files, and what the set is learnt to be.
async fn learnt(pool: &PgPool, files: Files) -> (TempDir, MigrationSet, Promise) {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), files);
    let set = MigrationSet::load(folder.path()).unwrap();
    let mut conn = pool.acquire().await.unwrap();
    let learnt = learning::learn(&mut conn, &set).await.unwrap();
    (folder, learnt.set, learnt.promise)
}

fn write(folder: &Path, files: Files) {
    for (name, sql) in files {
        fs::write(folder.join(name), sql).unwrap();
    }
}

fn rules() -> RetryRules {
    let backoff = Backoff { base_ms: 1, cap_ms: 10 };
    RetryRules { max_attempts: 3, backoff, dead_after: Duration::from_secs(60) }
}

fn executor(pool: &PgPool, plans: Plans, worker: &str) -> Executor {
    let secs = Duration::from_secs;
    let limits = StageLimits { statement: secs(20), lock: secs(10), silence: secs(10) };
    // As a worker's sessions are: another one is opened like them.
    let options = store::with_settings((*pool.connect_options()).clone());
    let pool = PgPool::connect_lazy_with(options);
    let runner = Runner::new(pool.clone(), limits, 500);
    Executor::new(pool, runner, plans.for_good(), rules(), worker.to_owned())
}

/// Makes a tenant with the set, as a worker does.
async fn make(
    pool: &PgPool,
    name: &str,
    set: MigrationSet,
    promise: Promise,
) -> (TenantId, String) {
    let built_in = parts(pool).await;
    let minter = keys::Minter::new("tk_", 32).unwrap();
    let keys = keys::KeyRules::new(minter, built_in.keys.sealer.clone(), 1, None);
    let installation = built_in.installation.clone();
    let (set, promise) = (Arc::new(set), Arc::new(promise));
    let parts = Arc::new(Parts::new(installation, set, promise, Arc::new(keys), 5));
    let executor = executor(pool, Plans::new(&parts).unwrap(), WORKER);
    let (item, tenant) = submit(pool, name).await;
    let claim = take(&executor, item).await.unwrap();
    executor.work(claim).await.unwrap();
    (tenant, item_state(pool, item).await)
}

/// Submits a migration of every tenant and carries it out.
async fn migrate(
    pool: &PgPool,
    set: &MigrationSet,
    promise: Option<Promise>,
    way: (Direction, Option<&str>),
) -> OperationId {
    let (operation, executor) = submit_migration(pool, set, promise, way).await;
    carry_out(&executor, operation, 2, &CancellationToken::new()).await.unwrap();
    operation
}

/// Submits a migration of every tenant, and gives who may work on it.
async fn submit_migration(
    pool: &PgPool,
    set: &MigrationSet,
    promise: Option<Promise>,
    (direction, to): (Direction, Option<&str>),
) -> (OperationId, Executor) {
    let (set_hash, to) = (set.hash().to_owned(), to.map(str::to_owned));
    let asked = Migrate { direction, set: set_hash, to, allow_drift: false };
    submit_as(pool, migrating(set, promise), asked).await
}

fn migrating(set: &MigrationSet, promise: Option<Promise>) -> Migrating {
    let (migrations, promise) = (Arc::new(set.clone()), promise.map(Arc::new));
    Migrating { migrations, promise, making: Making::default() }
}

async fn submit_as(pool: &PgPool, migrating: Migrating, asked: Migrate) -> (OperationId, Executor) {
    let version = migrating.migrations.head().cloned();
    let place = Place { set_hash: asked.set.clone(), version };
    let direction = asked.direction;
    let params = serde_json::to_value(asked).unwrap();
    let operation = OperationId::mint();
    let asked = control::Asked {
        id: operation,
        kind: Kind::Migrate,
        params: &params,
        tenants: None,
        inputs: None,
        selector: &Selector::all(),
        with_version: &[],
        but_at: (direction == Direction::Up).then_some(&place),
        run_at: None,
        rollout: None,
        created_by: None,
    };
    let mut tx = pool.begin().await.unwrap();
    let admitted = control::admit(&mut tx, By::process("test"), &asked, None).await.unwrap();
    tx.commit().await.unwrap();
    assert!(admitted, "there is a tenant to migrate");
    let plans = Plans::migrating(&Arc::new(migrating)).unwrap();
    let worker = format!("migrator-{operation}");
    let by = plans.claimant(&worker, rules().dead_after);
    store::workers::register(&mut pool.acquire().await.unwrap(), &by, "here", 1, "test")
        .await
        .unwrap();
    (operation, executor(pool, plans, &worker))
}

async fn ask(pool: &PgPool, sql: &'static str) -> Vec<String> {
    sqlx::query_scalar(sql).fetch_all(pool).await.unwrap()
}

const ITEMS: &str = "select i.state || ' ' || coalesce(i.error_code, '')
    from tenantry.operation_items i join tenantry.operations o on o.id = i.operation_id
    where o.kind = 'migrate' order by i.id";

const VERSIONS: &str =
    "select coalesce(version, 'none') from tenantry.tenant_migrations order by tenant_id";

#[tokio::test]
async fn a_set_with_boundaries_is_applied_in_stages_and_taken_back_in_stages() {
    let db = harness::fresh_db().await;
    register(&db.pool, WORKER).await;
    let (_, first, promise) = learnt(&db.pool, FIRST).await;
    for name in ["anne", "bob"] {
        let made = make(&db.pool, name, first.clone(), promise.clone()).await;
        assert_eq!(made.1, "succeeded");
    }
    let (_folder, later, promise) = learnt(&db.pool, LATER).await;

    let up = migrate(&db.pool, &later, Some(promise), (Direction::Up, None)).await;

    assert_eq!(ask(&db.pool, ITEMS).await, ["succeeded ", "succeeded "]);
    assert_eq!(ask(&db.pool, VERSIONS).await, ["0004", "0004"]);
    let stages = "select string_agg(stage, ' ' order by committed_at) from tenantry.checkpoints c
        join tenantry.operation_items i on i.id = c.item_id
        join tenantry.operations o on o.id = i.operation_id and o.kind = 'migrate' group by item_id";
    let stages = ask(&db.pool, stages).await;
    assert_eq!(stages, ["up_0 up_1 up_2 up_2_recorded finish"; 2], "{up}");
    let valid = "select indisvalid::text from pg_index i join pg_class c on c.oid = i.indexrelid
        where c.relname = 'ticket_mood'";
    assert_eq!(ask(&db.pool, valid).await, ["true"; 2]);
    let rights =
        "select has_table_privilege(role_name, schema_name || '.complaint', 'insert')::text
        from tenantry.tenants order by id";
    assert_eq!(ask(&db.pool, rights).await, ["true"; 2]);
    let result = "select concat_ws(' ', result -> 'from', result -> 'to', result -> 'applied')
        from tenantry.operation_items where result is not null order by id";
    assert_eq!(ask(&db.pool, result).await, [r#""0001" "0004" ["0002", "0003", "0004"]"#; 2]);

    migrate(&db.pool, &later, None, (Direction::Down, Some("0002"))).await;

    assert_eq!(ask(&db.pool, VERSIONS).await, ["0002", "0002"]);
    assert_eq!(ask(&db.pool, valid).await, [""; 0]);
    let reverted = "select result ->> 'reverted' from tenantry.operation_items i
        join tenantry.operations o on o.id = i.operation_id and o.params ->> 'direction' = 'down'";
    assert_eq!(ask(&db.pool, reverted).await, [r#"["0004", "0003"]"#; 2]);
}

#[tokio::test]
async fn a_tenant_that_has_drifted_is_migrated_where_that_is_allowed() {
    let db = harness::fresh_db().await;
    register(&db.pool, WORKER).await;
    let (_, first, promise) = learnt(&db.pool, FIRST).await;
    make(&db.pool, "anne", first.clone(), promise.clone()).await;
    let (tenant, _) = make(&db.pool, "bob", first, promise).await;
    sqlx::query(
        r#"insert into tenantry.tenant_checks (tenant_id, next_due, checked_at, overall_health, drift)
           values ($1, now(), now(), 'unhealthy', '[{"object": "table x", "difference": "extra"}]')"#,
    )
    .bind(tenant.get())
    .execute(&db.pool)
    .await
    .unwrap();
    let (_folder, later, promise) = learnt(&db.pool, LATER).await;

    migrate(&db.pool, &later, Some(promise.clone()), (Direction::Up, None)).await;

    assert_eq!(ask(&db.pool, ITEMS).await, ["succeeded ", "failed schema_drifted"]);
    assert_eq!(ask(&db.pool, VERSIONS).await, ["0004", "0001"]);

    let set = later.hash().to_owned();
    let asked = Migrate { direction: Direction::Up, set, to: None, allow_drift: true };
    let (operation, executor) = submit_as(&db.pool, migrating(&later, Some(promise)), asked).await;
    carry_out(&executor, operation, 2, &CancellationToken::new()).await.unwrap();

    assert_eq!(ask(&db.pool, VERSIONS).await, ["0004", "0004"]);
    let told =
        "select coalesce(detail -> 'params' ->> 'allow_drift', 'false') from tenantry.audit_log
        where action = 'operation.submitted' and detail ->> 'kind' = 'migrate' order by id";
    assert_eq!(ask(&db.pool, told).await.last().map(String::as_str), Some("true"));
}

#[tokio::test]
async fn a_new_tenant_of_such_a_set_is_pending_until_its_last_stage() {
    let db = harness::fresh_db().await;
    register(&db.pool, WORKER).await;
    // Before 17 an added value cannot be used in its transaction even in a new schema.
    const NEW: Files =
        &[FIRST[0], LATER[1], ("0003_vacuum.up.sql", "-- no-transaction\nvacuum ticket;")];
    let (_folder, set, promise) = learnt(&db.pool, NEW).await;
    assert!(!set.is_one_transaction());

    let (tenant, state) = make(&db.pool, "anne", set, promise).await;

    let why = ask(&db.pool, "select message from tenantry.item_attempts").await;
    assert_eq!(state, "succeeded", "{why:?}");
    assert_eq!(tenant_state(&db.pool, tenant).await, "active");
    let stages = "select string_agg(stage, ' ' order by committed_at) from tenantry.checkpoints";
    assert_eq!(ask(&db.pool, stages).await, ["make up_0 up_1 up_1_recorded provision"]);
    assert_eq!(ask(&db.pool, VERSIONS).await, ["0003"]);
}

#[tokio::test]
async fn a_new_tenant_that_fails_after_committed_stages_leaves_nothing() {
    let db = harness::fresh_db().await;
    register(&db.pool, WORKER).await;
    const NEW: Files = &[FIRST[0], ("0002_vacuum.up.sql", "-- no-transaction\nvacuum ticket;")];
    let (_folder, set, _) = learnt(&db.pool, NEW).await;
    // The last stage finds that something else was made than was promised.
    let other = MigrationSet::embedded();
    let promise = Promise::learn(&mut db.pool.acquire().await.unwrap(), &other).await.unwrap();

    let (tenant, state) = make(&db.pool, "anne", set, promise).await;

    assert_eq!(state, "failed");
    assert_eq!(tenant_state(&db.pool, tenant).await, "released");
    assert_eq!(remains(&db.pool, tenant).await, (false, false, false));
    assert_eq!(ask(&db.pool, VERSIONS).await, [""; 0]);
}

#[tokio::test]
async fn a_migration_that_fails_leaves_its_tenant_as_it_was_and_a_retry_goes_on() {
    let db = harness::fresh_db().await;
    register(&db.pool, WORKER).await;
    let (_, first, promise) = learnt(&db.pool, FIRST).await;
    make(&db.pool, "anne", first.clone(), promise.clone()).await;
    make(&db.pool, "bob", first, promise).await;
    sqlx::query("create table anne.complaint ()").execute(&db.pool).await.unwrap();
    let (_folder, later, promise) = learnt(&db.pool, LATER).await;

    migrate(&db.pool, &later, Some(promise.clone()), (Direction::Up, None)).await;

    assert_eq!(ask(&db.pool, ITEMS).await, ["failed migration_failed", "succeeded "]);
    assert_eq!(ask(&db.pool, VERSIONS).await, ["0002", "0004"], "what is committed stays");
    let states = "select state from tenantry.tenants order by id";
    assert_eq!(ask(&db.pool, states).await, ["active", "active"]);
    let tries =
        "select attempt || ' ' || stage || ' ' || step || ' ' || code from tenantry.item_attempts";
    assert_eq!(ask(&db.pool, tries).await, ["1 up_1 run_segment migration_failed"]);

    sqlx::query("drop table anne.complaint").execute(&db.pool).await.unwrap();
    migrate(&db.pool, &later, Some(promise), (Direction::Up, None)).await;
    assert_eq!(ask(&db.pool, VERSIONS).await, ["0004", "0004"]);
}

#[tokio::test]
async fn a_suspended_tenant_migrates_and_stays_so_and_one_that_ended_meanwhile_fails() {
    let db = harness::fresh_db().await;
    register(&db.pool, WORKER).await;
    let (_, first, promise) = learnt(&db.pool, FIRST).await;
    make(&db.pool, "anne", first.clone(), promise.clone()).await;
    make(&db.pool, "bob", first, promise).await;
    let suspend = "update tenantry.tenants set state = 'suspended' where name = 'anne'";
    sqlx::query(suspend).execute(&db.pool).await.unwrap();
    // Bob's turn comes after he has ended.
    let ends = "create function end_bob() returns trigger language plpgsql as $$ begin
            update tenantry.tenants set state = 'deleted' where name = 'bob'; return new; end $$;
        create trigger end_bob after insert on tenantry.operations
            for each row execute function end_bob()";
    sqlx::raw_sql(ends).execute(&db.pool).await.unwrap();
    let (_folder, later, promise) = learnt(&db.pool, LATER).await;

    migrate(&db.pool, &later, Some(promise), (Direction::Up, None)).await;

    assert_eq!(ask(&db.pool, ITEMS).await, ["succeeded ", "failed tenant_not_active"]);
    assert_eq!(ask(&db.pool, VERSIONS).await, ["0004", "0001"]);
    let states = "select state from tenantry.tenants order by id";
    assert_eq!(ask(&db.pool, states).await, ["suspended", "deleted"]);
}

#[tokio::test]
async fn an_item_of_another_set_is_left_to_a_worker_that_has_it() {
    let db = harness::fresh_db().await;
    register(&db.pool, WORKER).await;
    let (_, first, promise) = learnt(&db.pool, FIRST).await;
    let (tenant, _) = make(&db.pool, "anne", first.clone(), promise.clone()).await;
    let (_folder, later, _) = learnt(&db.pool, LATER).await;
    let item: i64 = sqlx::query_scalar(
        "with o as (insert into tenantry.operations (id, kind, params, state, mode, total)
                    values (gen_random_uuid(), 'migrate', jsonb_build_object('set', $2::text), 'queued',
                            'independent', 1) returning id)
         insert into tenantry.operation_items (operation_id, idx, state, tenant_id, input)
         select id, 0, 'queued', $1, '{}' from o returning id",
    )
    .bind(tenant.get())
    .bind(later.hash())
    .fetch_one(&db.pool)
    .await
    .unwrap();
    let item = domain::ItemId::new(item);
    let with = |set: &MigrationSet| {
        let migrating = Migrating {
            migrations: Arc::new(set.clone()),
            promise: None,
            making: Making::default(),
        };
        executor(&db.pool, Plans::migrating(&Arc::new(migrating)).unwrap(), WORKER)
    };

    let (behind, ahead) = (take(&with(&first), item).await, take(&with(&later), item).await);

    assert!(behind.is_none() && ahead.is_some());
}
