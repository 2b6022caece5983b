//! One item from claim to end, and everything that can come between.

#![allow(clippy::unwrap_used, reason = "a failed helper fails the test")]

mod bench;

use std::{fs, time::Duration};

use domain::ItemState;
use engine::control::settle;
use operations::Ended;
use store::{Connections, items};

use crate::bench::{
    WORKER, executor, item_state, parts, parts_from, register, remains, submit, take, tenant_state,
};

#[tokio::test]
async fn makes_a_tenant_active_with_schema_role_and_key() {
    let db = harness::fresh_db().await;
    let parts = parts(&db.pool).await;
    register(&db.pool, WORKER).await;
    let (item, tenant) = submit(&db.pool, "acme").await;
    let executor = executor(&db.pool, &parts, WORKER);

    let claim = take(&executor, item).await.unwrap();
    let operation = claim.operation;
    let verdict = executor.work(claim).await.unwrap();
    let pool = Connections::from(db.pool.clone());
    let settled = settle(&pool, operation).await.unwrap();
    let settled_again = settle(&pool, operation).await.unwrap();

    assert!(
        matches!(verdict, Ended::As(ItemState::Succeeded, stages) if stages[0].steps.len() == 8)
    );
    assert_eq!(item_state(&db.pool, item).await, "succeeded");
    assert_eq!(tenant_state(&db.pool, tenant).await, "active");
    assert_eq!(remains(&db.pool, tenant).await, (true, true, true));
    assert_eq!(settled, Some(domain::OperationState::Completed));
    assert_eq!(settled_again, None);
    assert_eq!(bench::ends_told(&db.pool).await, 1);
}

#[tokio::test]
async fn two_that_settle_a_batch_at_once_end_it_once() {
    let db = harness::fresh_db().await;
    let parts = parts(&db.pool).await;
    register(&db.pool, "a").await;
    let (item, _) = submit(&db.pool, "settled").await;
    let executor = executor(&db.pool, &parts, "a");
    let claim = take(&executor, item).await.unwrap();
    let operation = claim.operation;
    executor.work(claim).await.unwrap();
    let pool = Connections::from(db.pool.clone());
    // Both have seen that no item is open, and wait for the row.
    let mut holder = db.pool.begin().await.unwrap();
    sqlx::query("select from tenantry.operations where id = $1 for update")
        .bind(operation.get())
        .execute(&mut *holder)
        .await
        .unwrap();
    let release = async {
        let waiting = "select count(*) from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock'";
        let mut waiters = 0i64;
        while waiters < 2 {
            waiters = sqlx::query_scalar(waiting).fetch_one(&db.pool).await.unwrap();
        }
        holder.rollback().await.unwrap();
    };

    let (first, second, ()) =
        tokio::join!(settle(&pool, operation), settle(&pool, operation), release);

    let ends: Vec<_> = [first.unwrap(), second.unwrap()].into_iter().flatten().collect();
    assert_eq!(ends, [domain::OperationState::Completed]);
    assert_eq!(bench::ends_told(&db.pool).await, 1);
}

#[tokio::test]
async fn a_job_delivered_twice_at_once_makes_one_tenant() {
    let db = harness::fresh_db().await;
    let parts = parts(&db.pool).await;
    register(&db.pool, "a").await;
    register(&db.pool, "b").await;
    let (item, tenant) = submit(&db.pool, "twice").await;
    let (a, b) = (executor(&db.pool, &parts, "a"), executor(&db.pool, &parts, "b"));

    let (first, second) = tokio::join!(take(&a, item), take(&b, item));
    let claims: Vec<_> = [first, second].into_iter().flatten().collect();
    let [claim] = <[_; 1]>::try_from(claims).expect("exactly one of the two gets the item");
    a.work(claim).await.unwrap();
    let late = take(&b, item).await;

    assert!(late.is_none(), "a final item is never claimed again");
    assert_eq!(remains(&db.pool, tenant).await, (true, true, true));
}

#[tokio::test]
async fn a_worker_that_lost_its_item_changes_nothing() {
    let db = harness::fresh_db().await;
    let parts = parts(&db.pool).await;
    let (item, tenant) = submit(&db.pool, "zombie").await;
    // Never registered, so the others take it for dead.
    let zombie = executor(&db.pool, &parts, "zombie");
    let successor = executor(&db.pool, &parts, "successor");
    let stale = take(&zombie, item).await.unwrap();
    let fresh = take(&successor, item).await.expect("a dead worker's item is free");

    let late = zombie.work(stale).await.unwrap();
    let nothing = remains(&db.pool, tenant).await;
    let done = successor.work(fresh.clone()).await.unwrap();

    assert!(fresh.taken_over);
    assert!(matches!(late, Ended::Fenced), "{late:?}");
    assert_eq!(nothing, (false, false, false));
    assert!(matches!(done, Ended::As(ItemState::Succeeded, _)), "{done:?}");
}

#[tokio::test]
async fn a_worker_that_lost_its_item_undoes_nothing() {
    let db = harness::fresh_db().await;
    let parts = parts(&db.pool).await;
    let (item, tenant) = submit(&db.pool, "late_undo").await;
    let (zombie, successor) =
        (executor(&db.pool, &parts, "zombie"), executor(&db.pool, &parts, "successor"));
    let mut stale = take(&zombie, item).await.unwrap();
    let fresh = take(&successor, item).await.unwrap();
    successor.work(fresh).await.unwrap();

    stale.state = ItemState::Unwinding;
    stale.checkpoints = vec!["provision".to_owned()];
    let late = zombie.work(stale).await.unwrap();

    assert!(matches!(late, Ended::Fenced), "{late:?}");
    assert_eq!(tenant_state(&db.pool, tenant).await, "active");
    assert_eq!(remains(&db.pool, tenant).await, (true, true, true));
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing_and_frees_the_name() {
    let db = harness::fresh_db().await;
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("0001_picky.sql"),
        "create table picky (x int check (current_schema() <> 'unlucky')); insert into picky values (1);",
    )
    .unwrap();
    let parts = parts_from(&db.pool, folder.path()).await;
    register(&db.pool, WORKER).await;
    let executor = executor(&db.pool, &parts, WORKER);
    let (unlucky, failed) = submit(&db.pool, "unlucky").await;
    let (lucky, active) = submit(&db.pool, "lucky").await;

    for item in [unlucky, lucky] {
        let claim = take(&executor, item).await.unwrap();
        executor.work(claim).await.unwrap();
    }

    assert_eq!(item_state(&db.pool, unlucky).await, "failed");
    assert_eq!(tenant_state(&db.pool, failed).await, "released");
    assert_eq!(remains(&db.pool, failed).await, (false, false, false));
    assert_eq!(tenant_state(&db.pool, active).await, "active");
    let (code, step, message): (String, String, String) = sqlx::query_as(
        "select error_code, error_step, error_message from tenantry.operation_items where id = $1",
    )
    .bind(unlucky.get())
    .fetch_one(&db.pool)
    .await
    .unwrap();
    assert_eq!((code.as_str(), step.as_str()), ("migration_failed", "apply_migrations"));
    assert!(message.contains("0001_picky.sql"), "{message}");
    assert!(!message.contains("insert into"), "{message}");
}

#[tokio::test]
async fn a_trigger_of_the_database_that_refuses_or_fails_is_quoted() {
    for (tag, body, code, words) in [
        (
            "CREATE SCHEMA",
            "raise exception 'ask the platform team'",
            "database_refused",
            "ask the platform",
        ),
        (
            "CREATE TABLE",
            "raise exception 'no tables today'",
            "migration_failed",
            "no tables today",
        ),
        (
            "CREATE SCHEMA",
            "insert into ddl_log values (1)",
            "database_refused",
            "function refuse: relation",
        ),
        (
            "GRANT",
            "insert into ddl_log values (1)",
            "database_refused",
            "\"ddl_log\" does not exist",
        ),
        ("COMMENT", "perform 1 / 0", "database_refused", "division by zero"),
    ] {
        let db = harness::fresh_db().await;
        let parts = parts(&db.pool).await;
        register(&db.pool, WORKER).await;
        let executor = executor(&db.pool, &parts, WORKER);
        let (item, tenant) = submit(&db.pool, "refused").await;
        let trigger = format!(
            "create function refuse() returns event_trigger language plpgsql as
                 $$ begin {body}; end $$;
             create event trigger refuse on ddl_command_start when tag in ('{tag}')
                 execute function refuse()"
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(trigger)).execute(&db.pool).await.unwrap();

        let claim = take(&executor, item).await.unwrap();
        let verdict = executor.work(claim).await.unwrap();

        assert!(matches!(verdict, Ended::As(ItemState::Failed, _)), "{tag}: {verdict:?}");
        assert_eq!(remains(&db.pool, tenant).await, (false, false, false), "{tag}");
        let told: (String, String) = sqlx::query_as(
            "select error_code, error_message from tenantry.operation_items where id = $1",
        )
        .bind(item.get())
        .fetch_one(&db.pool)
        .await
        .unwrap();
        assert!(told.0 == code && told.1.contains(words), "{tag} {body}: {told:?}");
    }
}

#[tokio::test]
async fn a_foreign_schema_fails_the_tenant_and_stays() {
    let db = harness::fresh_db().await;
    let parts = parts(&db.pool).await;
    register(&db.pool, WORKER).await;
    let executor = executor(&db.pool, &parts, WORKER);
    let (item, tenant) = submit(&db.pool, "somebodys").await;
    sqlx::raw_sql("create schema somebodys; create table somebodys.treasure (x int)")
        .execute(&db.pool)
        .await
        .unwrap();

    let claim = take(&executor, item).await.unwrap();
    let verdict = executor.work(claim).await.unwrap();

    assert!(matches!(verdict, Ended::As(ItemState::Failed, _)), "{verdict:?}");
    assert_eq!(tenant_state(&db.pool, tenant).await, "released");
    let treasure: bool = sqlx::query_scalar("select to_regclass('somebodys.treasure') is not null")
        .fetch_one(&db.pool)
        .await
        .unwrap();
    assert!(treasure);
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_looked_up_and_not_repeated() {
    let db = harness::fresh_db().await;
    let parts = parts(&db.pool).await;
    register(&db.pool, WORKER).await;
    let (item, tenant) = submit(&db.pool, "unknown").await;
    let proxy = bench::lossy_proxy::LossyProxy::start(&db.url).await;
    let lossy = sqlx::PgPool::connect(&proxy.url).await.unwrap();
    let unlucky = executor(&lossy, &parts, WORKER);
    let claim = take(&unlucky, item).await.unwrap();

    proxy.lose_the_next_commit();
    let verdict = unlucky.work(claim).await.unwrap();

    let again = take(&executor(&db.pool, &parts, WORKER), item).await;
    assert!(matches!(verdict, Ended::Fenced), "the commit had happened: {verdict:?}");
    assert!(again.is_none());
    assert_eq!(item_state(&db.pool, item).await, "succeeded");
    let keys: i64 =
        sqlx::query_scalar("select count(*) from tenantry.api_keys where tenant_id = $1")
            .bind(tenant.get())
            .fetch_one(&db.pool)
            .await
            .unwrap();
    assert_eq!(keys, 1);
}

#[tokio::test]
async fn an_item_whose_every_try_ends_without_a_result_is_given_up() {
    let db = harness::fresh_db().await;
    let parts = parts(&db.pool).await;
    let (item, tenant) = submit(&db.pool, "poison").await;
    let crashing = executor(&db.pool, &parts, "crashing");
    for _ in 0..3 {
        take(&crashing, item).await.expect("the worker died each time");
    }

    let claim = take(&crashing, item).await.unwrap();
    let verdict = crashing.work(claim).await.unwrap();

    assert!(matches!(verdict, Ended::As(ItemState::Failed, _)), "{verdict:?}");
    assert_eq!(tenant_state(&db.pool, tenant).await, "released");
    let code: String =
        sqlx::query_scalar("select error_code from tenantry.operation_items where id = $1")
            .bind(item.get())
            .fetch_one(&db.pool)
            .await
            .unwrap();
    assert_eq!(code, "attempts_exhausted");
}

#[tokio::test]
async fn what_an_earlier_try_met_is_told_when_the_last_ones_left_nothing() {
    let db = harness::fresh_db().await;
    let parts = parts(&db.pool).await;
    let (item, _) = submit(&db.pool, "unreachable").await;
    let crashing = executor(&db.pool, &parts, "crashing");
    let first = take(&crashing, item).await.unwrap();
    let met = domain::ItemError {
        code: domain::codes::TIMED_OUT,
        message: "could not lock the tenant".to_owned(),
        step: None,
        retryable: true,
    };
    let mut conn = db.pool.acquire().await.unwrap();
    items::retry_later(&mut conn, &first, &met, true, Duration::ZERO).await.unwrap();
    for _ in 0..2 {
        take(&crashing, item).await.expect("the worker died each time");
    }

    let claim = take(&crashing, item).await.unwrap();
    crashing.work(claim).await.unwrap();

    let (code, message): (String, String) = sqlx::query_as(
        "select error_code, error_message from tenantry.operation_items where id = $1",
    )
    .bind(item.get())
    .fetch_one(&db.pool)
    .await
    .unwrap();
    assert_eq!(code, "timed_out");
    assert!(message.starts_with("could not lock the tenant; "), "{message}");
}

#[tokio::test]
async fn the_secret_is_nowhere_but_sealed() {
    let db = harness::fresh_db().await;
    let parts = parts(&db.pool).await;
    register(&db.pool, WORKER).await;
    let (item, tenant) = submit(&db.pool, "discreet").await;
    let executor = executor(&db.pool, &parts, WORKER);
    let claim = take(&executor, item).await.unwrap();
    executor.work(claim).await.unwrap();

    let sealed: Vec<u8> =
        sqlx::query_scalar("select sealed from tenantry.api_keys where tenant_id = $1")
            .bind(tenant.get())
            .fetch_one(&db.pool)
            .await
            .unwrap();
    let secret = parts.keys.sealer.open(&sealed, tenant).unwrap();
    let tables: Vec<String> = sqlx::query_scalar(
        "select query_to_xml(format('select * from %s', c.oid::regclass), true, false, '')::text
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname in ('tenantry', 'apalis') and c.relkind = 'r'",
    )
    .fetch_all(&db.pool)
    .await
    .unwrap();

    let secret = secrecy::ExposeSecret::expose_secret(&secret);
    let random_part = &secret[secret.len() - 30..];
    assert!(tables.len() > 10, "the search must have looked somewhere");
    assert!(tables.iter().all(|table| !table.contains(random_part)));
}
