//! Several items in one transaction, and what becomes of the others when one of them cannot.

#![allow(clippy::unwrap_used, reason = "a failed helper fails the test")]

mod bench;

use std::{fs, sync::Arc};

use domain::{ItemId, TenantId};
use operations::{Ended, Executor, Parts, Sorted};
use sqlx::PgPool;
use store::items::Claim;

use crate::bench::{
    WORKER, executor, item_state, parts, parts_from, register, remains, submit, take, tenant_state,
};

struct Group {
    executor: Executor,
    items: Vec<(ItemId, TenantId)>,
}

impl Group {
    async fn of(pool: &PgPool, parts: &Arc<Parts>, names: &[&str]) -> Self {
        register(pool, WORKER).await;
        let mut items = Vec::new();
        for name in names {
            items.push(submit(pool, name).await);
        }
        Self { executor: executor(pool, parts, WORKER), items }
    }

    async fn claim(&self) -> Vec<Claim> {
        let items: Vec<ItemId> = self.items.iter().map(|(item, _)| *item).collect();
        let claims = self.executor.claim(&items).await.unwrap();
        assert_eq!(claims.len(), items.len());
        claims
    }

    /// Takes `claims` together, and one by one those that come back; tells how many came back.
    async fn work(&self, claims: Vec<Claim>) -> (Vec<Ended>, usize) {
        let Sorted { done, left } = self.executor.work_together(claims).await;
        let mut verdicts: Vec<_> = done.into_iter().map(|(_, verdict)| verdict.unwrap()).collect();
        let apart = left.len();
        for claim in left {
            verdicts.push(self.executor.work(claim).await.unwrap());
        }
        (verdicts, apart)
    }

    async fn states(&self, pool: &PgPool) -> Vec<String> {
        let mut states = Vec::new();
        for (item, _) in &self.items {
            states.push(item_state(pool, *item).await);
        }
        states
    }
}

#[tokio::test]
async fn one_transaction_makes_all_of_them_active() {
    let db = harness::fresh_db().await;
    let parts = parts(&db.pool).await;
    let group = Group::of(&db.pool, &parts, &["anne", "bert", "cleo"]).await;

    let (verdicts, apart) = group.work(group.claim().await).await;

    assert_eq!((verdicts.len(), apart), (3, 0));
    assert_eq!(group.states(&db.pool).await, ["succeeded"; 3]);
    for (_, tenant) in &group.items {
        assert_eq!(tenant_state(&db.pool, *tenant).await, "active");
        assert_eq!(remains(&db.pool, *tenant).await, (true, true, true));
    }
    let (transactions, steps): (i64, i64) = sqlx::query_as(
        "select count(distinct xmin::text), min(jsonb_array_length(steps))::bigint from tenantry.checkpoints",
    )
    .fetch_one(&db.pool)
    .await
    .unwrap();
    assert_eq!((transactions, steps), (1, 8));
}

#[tokio::test]
async fn a_foreign_schema_harms_nobody_else() {
    let db = harness::fresh_db().await;
    let parts = parts(&db.pool).await;
    let group = Group::of(&db.pool, &parts, &["before", "foreign", "behind"]).await;
    sqlx::raw_sql("create schema \"foreign\"; create table \"foreign\".treasure (x int)")
        .execute(&db.pool)
        .await
        .unwrap();

    let (_, apart) = group.work(group.claim().await).await;

    assert_eq!(apart, 3);
    assert_eq!(group.states(&db.pool).await, ["succeeded", "failed", "succeeded"]);
    let treasure: bool =
        sqlx::query_scalar("select to_regclass('\"foreign\".treasure') is not null")
            .fetch_one(&db.pool)
            .await
            .unwrap();
    assert!(treasure);
}

#[tokio::test]
async fn a_migration_that_fails_in_one_is_named_there_alone() {
    let db = harness::fresh_db().await;
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("0001_picky.sql"),
        "create table picky (x int check (current_schema() <> 'pech')); insert into picky values (1);",
    )
    .unwrap();
    let parts = parts_from(&db.pool, folder.path()).await;
    let group = Group::of(&db.pool, &parts, &["glueck", "pech"]).await;

    group.work(group.claim().await).await;

    assert_eq!(group.states(&db.pool).await, ["succeeded", "failed"]);
    let message: String = sqlx::query_scalar(
        "select error_message from tenantry.operation_items where state = 'failed'",
    )
    .fetch_one(&db.pool)
    .await
    .unwrap();
    assert!(message.contains("0001_picky.sql"), "{message}");
}

#[tokio::test]
async fn an_item_lost_to_another_worker_is_left_to_it() {
    let db = harness::fresh_db().await;
    let parts = parts(&db.pool).await;
    let group = Group::of(&db.pool, &parts, &["kept", "lost"]).await;
    let claims = group.claim().await;
    sqlx::query("update tenantry.workers set stopped_at = now()").execute(&db.pool).await.unwrap();
    let successor = executor(&db.pool, &parts, "successor");
    let (lost, tenant) = group.items[1];
    let theirs = take(&successor, lost).await.expect("a dead worker's item is free");

    let (verdicts, apart) = group.work(claims).await;

    assert_eq!(apart, 2);
    assert_eq!(verdicts.iter().filter(|v| matches!(v, Ended::Fenced)).count(), 1);
    assert_eq!(group.states(&db.pool).await, ["succeeded", "running"]);
    assert_eq!(remains(&db.pool, tenant).await, (false, false, false));
    let done = successor.work(theirs).await.unwrap();
    assert!(matches!(done, Ended::As(domain::ItemState::Succeeded, _)), "{done:?}");
}

#[tokio::test]
async fn only_items_nobody_has_worked_on_go_together() {
    let db = harness::fresh_db().await;
    let parts = parts(&db.pool).await;
    let group = Group::of(&db.pool, &parts, &["first", "second"]).await;
    sqlx::query("update tenantry.operation_items set attempt = 1 where id = $1")
        .bind(group.items[1].0.get())
        .execute(&db.pool)
        .await
        .unwrap();

    let (_, apart) = group.work(group.claim().await).await;

    assert_eq!(apart, 1);
    assert_eq!(group.states(&db.pool).await, ["succeeded"; 2]);
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_counts_for_all() {
    let db = harness::fresh_db().await;
    let parts = parts(&db.pool).await;
    let proxy = bench::lossy_proxy::LossyProxy::start(&db.url).await;
    let lossy = PgPool::connect(&proxy.url).await.unwrap();
    let mut group = Group::of(&db.pool, &parts, &["uno", "due"]).await;
    group.executor = executor(&lossy, &parts, WORKER);
    let claims = group.claim().await;

    proxy.lose_the_next_commit();
    let (verdicts, apart) = group.work(claims).await;

    assert_eq!(apart, 0);
    assert!(verdicts.iter().all(|v| matches!(v, Ended::Fenced)), "{verdicts:?}");
    assert_eq!(group.states(&db.pool).await, ["succeeded"; 2]);
    let (item, _) = group.items[0];
    assert!(take(&group.executor, item).await.is_none(), "what is done is not done again");
}
