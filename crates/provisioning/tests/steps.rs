//! Every step of the default plan is held to the contract of a step.

#![allow(clippy::unwrap_used, reason = "a failed helper fails the test")]

mod bench;

use provisioning::steps::{
    Activate, ApplyMigrations, CreateRole, CreateSchema, GrantAccess, IssueKey, Verify,
};
use saga::{AnyStep, Bench, StepCx, assert_contract};

/// Holds the step at `index` of the plan to the contract, on a schema called `name`.
async fn hold(index: usize, name: &str) {
    let db = harness::fresh_db().await;
    let parts = bench::parts(&db.pool).await;
    let (item, _) = bench::submit(&db.pool, name).await;
    let claim = bench::claim(&db.pool, item).await;
    let steps: [&dyn AnyStep; 7] = [
        &CreateRole::new(&parts),
        &CreateSchema::new(&parts),
        &ApplyMigrations::new(&parts),
        &GrantAccess::new(&parts),
        &Verify::new(&parts),
        &IssueKey::new(&parts),
        &Activate::new(&parts),
    ];

    let bench = Bench { claim: &claim, before: &steps[..index] };
    assert_contract(&db.pool, &bench, steps[index]).await;
}

#[tokio::test]
async fn create_role_keeps_the_contract() {
    hold(0, "role_step").await;
}

#[tokio::test]
async fn create_schema_keeps_the_contract() {
    hold(1, "schema_step").await;
}

#[tokio::test]
async fn grant_access_keeps_the_contract() {
    hold(3, "grant_step").await;
}

#[tokio::test]
async fn verify_keeps_the_contract() {
    hold(4, "verify_step").await;
}

#[tokio::test]
async fn issue_key_keeps_the_contract() {
    hold(5, "key_step").await;
}

#[tokio::test]
async fn activate_keeps_the_contract() {
    hold(6, "activate_step").await;
}

/// What migrations made goes with the schema, so the two are undone as one.
#[tokio::test]
async fn apply_migrations_is_applied_once_and_goes_with_its_schema() {
    let db = harness::fresh_db().await;
    let parts = bench::parts(&db.pool).await;
    let (item, tenant) = bench::submit(&db.pool, "migrated").await;
    let claim = bench::claim(&db.pool, item).await;
    let (schema, migrations) = (CreateSchema::new(&parts), ApplyMigrations::new(&parts));
    let mut tx = db.pool.begin().await.unwrap();
    let mut cx = StepCx::new(&claim, &mut tx);
    let count = "select count(*) from migrated.tenantry_migrations";

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
    let step = CreateSchema::new(&parts);
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
    tenantdb::schema::create(&mut conn, &claim.tenant.schema, &theirs).await.unwrap();
    let step = CreateSchema::new(&parts);
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
    let step = CreateRole::new(&parts);
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
