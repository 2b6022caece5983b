//! Files that say how long they may take.

use std::time::Duration;

use tenantdb::migrations::{MigrateError, Target};

use crate::support::{execute, set_of, site};

fn ran_out_of_time(done: Result<impl std::fmt::Debug, MigrateError>, file: &str) -> bool {
    match done.unwrap_err() {
        MigrateError::Failed { file: failed, source, .. } => {
            let code = source.as_database_error().and_then(|e| e.code());
            failed == file && code.as_deref() == Some("57014")
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_file_takes_the_time_that_it_asks_for() {
    let site = site().await;
    let slow = "select pg_sleep(0.4); create table a (id int);";
    for (mark, in_time) in [("", false), ("-- timeout: 20s\n", true)] {
        let set = set_of(&[("1_a.sql", &format!("{mark}{slow}")), ("2_b.sql", "select 1")]);
        let tenant = site.tenant(1, "acme").with_schema(&site).await;
        let mut tx = site.begin().await;
        execute(&mut tx, "set local statement_timeout = 200").await.unwrap();

        let done = tenant.apply(&mut tx, &set).await;

        match in_time {
            true => assert_eq!(done.unwrap().applied.len(), 2),
            false => assert!(ran_out_of_time(done, "1_a.sql")),
        }
        tx.rollback().await.unwrap();
        site.run("drop schema acme").await;
    }
}

#[tokio::test]
async fn a_file_that_asks_for_less_gets_less_where_it_runs_alone() {
    let site = site().await;
    let set = set_of(&[
        ("1_a.up.sql", "create table a (id int)"),
        ("1_a.down.sql", "-- timeout: 50ms\nselect pg_sleep(20); drop table a"),
    ]);
    let tenant = site.tenant(1, "acme").with_schema(&site).await;
    let mut tx = site.begin().await;
    tenant.apply(&mut tx, &set).await.unwrap();

    let done = tenant.revert(&mut tx, &set, Some(&Target::Start)).await;

    assert!(ran_out_of_time(done, "1_a.down.sql"));
}

#[tokio::test]
async fn a_statement_outside_any_transaction_keeps_to_the_limit_of_its_file() {
    let site = site().await;
    let set = set_of(&[
        ("1_a.sql", "create table a (id int)"),
        ("2_b.sql", "-- timeout: 300ms\n-- no-transaction\ncreate index concurrently i on a (id)"),
    ]);
    let tenant = site.tenant(1, "acme").with_schema(&site).await;
    tenant.walk(&site, &set, &set.segments()[..1]).await.unwrap();
    let mut old = site.begin().await;
    execute(&mut old, "insert into acme.a values (1)").await.unwrap();

    let segments = set.segments();
    let walk = tenant.walk(&site, &set, &segments);
    let done = tokio::time::timeout(Duration::from_secs(25), walk).await.unwrap();

    assert!(ran_out_of_time(done, "2_b.sql"));
}

#[tokio::test]
async fn a_limit_that_is_added_later_is_no_edit() {
    let site = site().await;
    let (text, down) = ("create table a (id int)", "drop table a");
    let before = set_of(&[("1_a.up.sql", text), ("1_a.down.sql", down)]);
    let marked = format!("-- timeout: 1h\n{text}");
    let after = set_of(&[("1_a.up.sql", &marked), ("1_a.down.sql", down)]);
    let tenant = site.tenant(1, "acme").with_schema(&site).await;
    let mut tx = site.begin().await;
    tenant.apply(&mut tx, &before).await.unwrap();

    let moved = tenant.apply(&mut tx, &after).await.unwrap();

    assert!(moved.applied.is_empty());
}
