//! The application's role in provisioning: a member of every new tenant's role, up to a limit.

#![allow(clippy::unwrap_used, reason = "a failed helper fails the test")]

mod bench;

use std::{sync::Arc, time::Duration};

use domain::{Mode, TenantId};
use engine::{AnyStep, Bench, Runner, assert_contract};
use operations::{
    Application, Parts, PoolView, SpareBuilder,
    steps::{self, Source},
};
use sqlx::{AssertSqlSafe, PgPool};
use store::StageLimits;

use crate::bench::{
    WORKER, claim, executor, item_state, parts, register, remains, submit, tenant_state,
};

/// Parts with a role of an application that may become `limit` tenants, and its name.
async fn parts_with(db: &PgPool, name: &str, limit: u32) -> (Arc<Parts>, String) {
    let parts = Arc::into_inner(parts(db).await).unwrap();
    let role = format!("tn_{}_{name}", parts.installation);
    let create = format!("create role {role} noinherit");
    sqlx::raw_sql(AssertSqlSafe(create)).execute(db).await.unwrap();
    (Arc::new(parts.with_application(Some(Application::new(role.clone(), limit)))), role)
}

fn limits() -> StageLimits {
    let secs = Duration::from_secs;
    StageLimits { statement: secs(20), lock: secs(10), silence: secs(10) }
}

fn builder(db: &PgPool, parts: &Arc<Parts>) -> SpareBuilder {
    SpareBuilder::new(db.clone(), Arc::clone(parts), limits())
}

/// How many roles of tenants the role may become, and has the rights of none without that.
async fn memberships(db: &PgPool, role: &str) -> i64 {
    sqlx::query_scalar(
        "select count(*) from pg_auth_members m
         where m.member = to_regrole($1)::oid and not pg_has_role(m.member, m.roleid, 'usage')",
    )
    .bind(role)
    .fetch_one(db)
    .await
    .unwrap()
}

/// Makes tenants of these names, and tells how each ended and under which code.
async fn make(db: &PgPool, parts: &Arc<Parts>, names: &[&str]) -> Vec<(TenantId, String, String)> {
    let executor = executor(db, parts, WORKER).with_pool(Arc::new(PoolView::default()));
    let mut submitted = Vec::new();
    for name in names {
        submitted.push(submit(db, name).await);
    }
    let items: Vec<_> = submitted.iter().map(|(item, _)| *item).collect();
    let claims = executor.claim(&items).await.unwrap();
    for claim in executor.work_together(claims).await.left {
        executor.work(claim).await.unwrap();
    }
    let mut ends = Vec::new();
    for (item, tenant) in submitted {
        let code = "select coalesce(error_code, '') from tenantry.operation_items where id = $1";
        let code = sqlx::query_scalar(code).bind(item.get()).fetch_one(db).await.unwrap();
        ends.push((tenant, item_state(db, item).await, code));
    }
    ends
}

#[tokio::test]
async fn tenants_beyond_the_limit_fail_under_a_code_and_leave_nothing() {
    let db = harness::fresh_db().await;
    let (parts, role) = parts_with(&db.pool, "app", 3).await;

    register(&db.pool, WORKER).await;
    let first = make(&db.pool, &parts, &["one", "two"]).await;
    let second = make(&db.pool, &parts, &["three", "four"]).await;

    for (tenant, state, code) in first.iter().chain(&second[..1]) {
        assert_eq!((state.as_str(), code.as_str()), ("succeeded", ""));
        assert_eq!(tenant_state(&db.pool, *tenant).await, "active");
    }
    let (tenant, state, code) = &second[1];
    assert_eq!((state.as_str(), code.as_str()), ("failed", "application_role_full"));
    assert_eq!(remains(&db.pool, *tenant).await, (false, false, false));
    assert_eq!(memberships(&db.pool, &role).await, 3);
    // where one has gone, another has room
    let gone = format!("revoke tn_{0}_{1} from {role}", parts.installation, first[0].0);
    sqlx::raw_sql(AssertSqlSafe(gone)).execute(&db.pool).await.unwrap();
    assert_eq!(make(&db.pool, &parts, &["five"]).await[0].1, "succeeded");
}

#[tokio::test]
async fn a_role_that_became_unfit_makes_tenants_wait_and_gets_none() {
    let db = harness::fresh_db().await;
    let (parts, role) = parts_with(&db.pool, "app", 9).await;
    register(&db.pool, WORKER).await;
    assert_eq!(make(&db.pool, &parts, &["one"]).await[0].1, "succeeded");
    assert_eq!(builder(&db.pool, &parts).build(8, 1).await.unwrap(), 1);
    let alter = format!("alter role {role} superuser");
    sqlx::raw_sql(AssertSqlSafe(alter)).execute(&db.pool).await.unwrap();

    for source in [Source::Nothing, Source::Pool] {
        let (item, _) = submit(&db.pool, &format!("{source:?}").to_lowercase()).await;
        let plan = steps::plan(Mode::Independent, source, &parts).unwrap();
        let mut claim = claim(&db.pool, item).await;
        let bench = Runner::new(db.pool.clone(), limits(), 100);
        let Err(failure) = bench.run(&plan, &mut claim).await else { panic!("it was made") };
        assert_eq!(failure.to_item_error().code.as_str(), "right_refused");
        assert!(failure.error.is_refused(), "the work waits");
    }
    assert_eq!(builder(&db.pool, &parts).build(8, 3).await.unwrap(), 0);
}

#[tokio::test]
async fn spares_are_built_for_one_application_and_given_to_no_other() {
    let db = harness::fresh_db().await;
    let (plain, (with, role)) = (parts(&db.pool).await, parts_with(&db.pool, "app", 3).await);
    let (other, _) = parts_with(&db.pool, "other", 3).await;
    assert_eq!(builder(&db.pool, &plain).build(8, 2).await.unwrap(), 2);

    let built = builder(&db.pool, &with).build(8, 2).await.unwrap();

    assert_eq!((built, memberships(&db.pool, &role).await), (2, 2));
    for (parts, ready) in [(&plain, 2), (&with, 2), (&other, 0)] {
        assert_eq!(builder(&db.pool, parts).count().await.unwrap().ready, ready);
    }
    // one place is left, and it is no spare's: not of as many as are wanted
    assert_eq!(builder(&db.pool, &with).build(8, 4).await.unwrap(), 0);
    // one that lost the membership is weeded out
    let lost = format!(
        "do $$ begin execute (select format('revoke %s from {role}', m.roleid::regrole)
             from pg_auth_members m where m.member = '{role}'::regrole limit 1); end $$"
    );
    sqlx::raw_sql(AssertSqlSafe(lost)).execute(&db.pool).await.unwrap();
    assert_eq!(builder(&db.pool, &with).weed_out().await.unwrap(), 1);
    assert_eq!(builder(&db.pool, &with).weed_out().await.unwrap(), 0);
}

/// Also where the places are just enough: a step that is applied twice wants no second one.
#[tokio::test]
async fn every_step_keeps_the_contract_with_an_applications_role() {
    let db = harness::fresh_db().await;
    let (parts, _) = parts_with(&db.pool, "app", 3).await;
    assert_eq!(builder(&db.pool, &parts).build(8, 2).await.unwrap(), 2);
    let (item, _) = submit(&db.pool, "held").await;
    let claim = claim(&db.pool, item).await;
    for source in [Source::Nothing, Source::Pool] {
        let plan = steps::plan(Mode::Independent, source, &parts).unwrap();
        let steps: Vec<&dyn AnyStep> =
            plan.stages().iter().flat_map(engine::Stage::steps).map(AsRef::as_ref).collect();
        for (index, step) in steps.iter().enumerate() {
            if ["grant_access", "verify", "take_spare"].contains(&step.name().as_str()) {
                let bench = Bench { claim: &claim, before: &steps[..index] };
                assert_contract(&db.pool, &bench, *step).await;
            }
        }
    }
}
