//! Every step of every plan is held to the contract of a step.

#![allow(clippy::unwrap_used, reason = "a failed helper fails the test")]

mod bench;

use std::{sync::Arc, time::Duration};

use domain::Mode;
use engine::{AnyStep, Bench, GroupCx, StepCx, StepError, StepName, assert_contract};
use futures::future::BoxFuture;
use operations::{
    SpareBuilder,
    steps::{self, ApplyMigrations, CreateRole, CreateSchema, Source},
};
use store::StageLimits;

/// Each mode of an operation and each source of a tenant; a new step of a plan is held by itself.
#[tokio::test]
async fn every_step_of_every_plan_keeps_the_contract() {
    let db = harness::fresh_db().await;
    let parts = bench::parts(&db.pool).await;
    let secs = Duration::from_secs;
    let limits = StageLimits { statement: secs(20), lock: secs(10), silence: secs(10) };
    let spares = SpareBuilder::new(db.pool.clone(), parts.clone(), limits);
    assert_eq!(spares.build(8, 2).await.unwrap(), 2);
    let (item, _) = bench::submit(&db.pool, "held").await;
    let claim = bench::claim(&db.pool, item).await;
    let mut held = Vec::new();

    for (mode, source) in [
        (Mode::Independent, Source::Nothing),
        (Mode::Independent, Source::Pool),
        (Mode::Atomic, Source::Nothing),
        (Mode::Atomic, Source::Pool),
    ] {
        let plan = steps::plan(mode, source, &parts).unwrap();
        let steps: Vec<&dyn AnyStep> =
            plan.stages().iter().flat_map(engine::Stage::steps).map(AsRef::as_ref).collect();
        for (index, step) in steps.iter().enumerate() {
            let bench = |before| Bench { claim: &claim, before };
            // What migrations made goes with the schema, so the two are undone as one.
            if step.name().as_str() == "apply_migrations" {
                let with_schema = Joined(vec![steps[index - 1], *step]);
                assert_contract(&db.pool, &bench(&steps[..index - 1]), &with_schema).await;
            } else {
                assert_contract(&db.pool, &bench(&steps[..index]), *step).await;
            }
            held.push(step.name().as_str());
        }
    }

    assert_eq!(held.len(), 8 + 5 + 7 + 4, "{held:?}");
}

/// Steps that are one to the contract.
#[derive(Debug)]
struct Joined<'s>(Vec<&'s dyn AnyStep>);

impl AnyStep for Joined<'_> {
    fn name(&self) -> StepName {
        self.0.last().expect("there is a step").name()
    }

    fn apply_any<'a>(&'a self, cx: &'a mut StepCx<'_>) -> BoxFuture<'a, Result<(), StepError>> {
        Box::pin(async move {
            for step in &self.0 {
                step.apply_any(cx).await?;
            }
            Ok(())
        })
    }

    fn apply_all_any<'a>(
        &'a self,
        cx: &'a mut GroupCx<'_>,
    ) -> BoxFuture<'a, Result<(), StepError>> {
        Box::pin(async move {
            for step in &self.0 {
                step.apply_all_any(cx).await?;
            }
            Ok(())
        })
    }

    fn undo_any<'a>(&'a self, cx: &'a mut StepCx<'_>) -> BoxFuture<'a, Result<(), StepError>> {
        Box::pin(async move {
            for step in self.0.iter().rev() {
                step.undo_any(cx).await?;
            }
            Ok(())
        })
    }
}

/// What migrations made goes with the schema, so the two are undone as one.
#[tokio::test]
async fn apply_migrations_is_applied_once_and_goes_with_its_schema() {
    let db = harness::fresh_db().await;
    let parts = bench::parts(&db.pool).await;
    let (item, tenant) = bench::submit(&db.pool, "migrated").await;
    let claim = bench::claim(&db.pool, item).await;
    let (schema, migrations) =
        (CreateSchema(Arc::clone(&parts)), ApplyMigrations(Arc::clone(&parts)));
    let mut tx = db.pool.begin().await.unwrap();
    let mut cx = StepCx::new(&claim, &mut tx);
    let count = "select count(*) from pg_class where relnamespace = 'migrated'::regnamespace
        and relkind = 'r'";

    schema.apply_any(&mut cx).await.unwrap();
    migrations.apply_any(&mut cx).await.unwrap();
    let once: i64 = sqlx::query_scalar(count).fetch_one(cx.tx()).await.unwrap();
    migrations.apply_any(&mut cx).await.unwrap();
    let twice: i64 = sqlx::query_scalar(count).fetch_one(cx.tx()).await.unwrap();
    migrations.undo_any(&mut cx).await.unwrap();
    schema.undo_any(&mut cx).await.unwrap();
    tx.commit().await.unwrap();

    assert_eq!((once, twice), (2, 2));
    assert_eq!(bench::remains(&db.pool, tenant).await, (false, false, false));
}

#[tokio::test]
async fn leaves_a_strangers_schema_alone() {
    let db = harness::fresh_db().await;
    let parts = bench::parts(&db.pool).await;
    let (item, _) = bench::submit(&db.pool, "stranger").await;
    let claim = bench::claim(&db.pool, item).await;
    sqlx::raw_sql("create schema stranger; create table stranger.t (x int); insert into stranger.t values (7)")
        .execute(&db.pool)
        .await
        .unwrap();
    let step = CreateSchema(Arc::clone(&parts));
    let mut conn = db.pool.acquire().await.unwrap();
    let mut cx = StepCx::new(&claim, &mut conn);

    let refused = step.apply_any(&mut cx).await.unwrap_err();
    step.undo_any(&mut cx).await.unwrap();

    assert_eq!(refused.code().as_str(), "schema_taken");
    assert!(!refused.is_transient());
    let kept: i32 =
        sqlx::query_scalar("select x from stranger.t").fetch_one(&db.pool).await.unwrap();
    assert_eq!(kept, 7);
}

#[tokio::test]
async fn leaves_another_tenants_schema_alone() {
    let db = harness::fresh_db().await;
    let parts = bench::parts(&db.pool).await;
    let (item, tenant) = bench::submit(&db.pool, "theirs").await;
    let claim = bench::claim(&db.pool, item).await;
    let theirs = parts.mark(domain::TenantId::new(tenant.get() + 1));
    let mut conn = db.pool.acquire().await.unwrap();
    tenantdb::schema::claim(&mut conn, &claim.tenant.schema, &theirs).await.unwrap();
    let step = CreateSchema(Arc::clone(&parts));
    let mut cx = StepCx::new(&claim, &mut conn);

    let refused = step.apply_any(&mut cx).await.unwrap_err();
    step.undo_any(&mut cx).await.unwrap();

    assert_eq!(refused.code().as_str(), "schema_taken");
    let owner = tenantdb::schema::owner(&mut conn, &claim.tenant.schema).await.unwrap();
    assert!(owner.is(&theirs));
}

#[tokio::test]
async fn leaves_a_strangers_role_alone() {
    let db = harness::fresh_db().await;
    let parts = bench::parts(&db.pool).await;
    let (item, _) = bench::submit(&db.pool, "rolename").await;
    let claim = bench::claim(&db.pool, item).await;
    let step = CreateRole(Arc::clone(&parts));
    // In a transaction that is rolled back: a role would outlive this test's database.
    let mut tx = db.pool.begin().await.unwrap();
    let create =
        "do $$ begin execute format('create role %I', current_setting('test.role')); end $$";
    sqlx::query("select set_config('test.role', $1, true)")
        .bind(claim.tenant.role.as_str())
        .execute(&mut *tx)
        .await
        .unwrap();
    sqlx::raw_sql(create).execute(&mut *tx).await.unwrap();
    let mut cx = StepCx::new(&claim, &mut tx);

    let refused = step.apply_any(&mut cx).await.unwrap_err();
    step.undo_any(&mut cx).await.unwrap();

    assert_eq!(refused.code().as_str(), "role_taken");
    let owner = tenantdb::role::owner(&mut tx, &claim.tenant.role).await.unwrap();
    assert_eq!(owner, tenantdb::Owner::Unmarked);
}
