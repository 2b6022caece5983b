//! A set that several transactions apply: where they end, and that each is applied by itself.

use tenantdb::migrations::{self, MigrateError};
use tenantdb::{MigrationSet, Promise, newcomers};

use crate::support::{Site, count, execute, set_of, site};

/// The third file uses a value that the second adds to a type of the first.
fn moods() -> MigrationSet {
    set_of(&[
        ("1_a.sql", "create type mood as enum ('a');"),
        ("2_b.sql", "do $$ begin alter type mood\n add value 'b'; end $$;"),
        ("3_c.sql", "create table t (m mood default 'b'); insert into t default values;"),
        ("4_d.sql", "insert into t default values;"),
    ])
}

fn versions(set: &MigrationSet) -> Vec<Vec<&str>> {
    let segments = set.segments().into_iter();
    segments.map(|s| s.files().map(|m| m.version().as_str()).collect()).collect()
}

async fn scratch_schemas(site: &Site) -> i64 {
    let mut conn = site.db.pool.acquire().await.unwrap();
    count(&mut conn, "select count(*) from pg_namespace where nspname ~ '^tn_promise_'").await
}

#[tokio::test]
async fn a_transaction_ends_before_the_file_that_uses_a_new_enum_value() {
    let site = site().await;
    let mut conn = site.db.pool.acquire().await.unwrap();

    let boundaries = migrations::boundaries(&mut conn, &moods()).await.unwrap();

    assert_eq!(boundaries, ["3"]);
    assert_eq!(versions(&moods().cut_before(&boundaries)), [vec!["1", "2"], vec!["3", "4"]]);
    assert_eq!(scratch_schemas(&site).await, 0);
    let none = migrations::boundaries(&mut conn, &MigrationSet::embedded()).await.unwrap();
    assert!(none.is_empty());
}

#[tokio::test]
async fn every_use_of_an_added_value_gets_its_boundary_and_none_more() {
    let site = site().await;
    let mut conn = site.db.pool.acquire().await.unwrap();
    let set = set_of(&[
        ("1_a.sql", "create type x as enum ('a'); create type y as enum ('a');"),
        ("2_b.sql", "alter type x add value 'b';"),
        ("3_c.sql", "alter type y add value 'b'; create table t (x x default 'b');"),
        ("4_d.sql", "create table u (y y default 'b');"),
        ("5_e.sql", "alter type y add value 'never used';"),
        ("6_f.sql", "create table v ();"),
        ("7_g.sql", "-- no-transaction\nalter type x add value 'c';"),
        ("8_h.sql", "create table w (x x default 'c');"),
    ]);

    let boundaries = migrations::boundaries(&mut conn, &set).await.unwrap();

    assert_eq!(boundaries, ["3", "4"]);
    let set = set.cut_before(&boundaries);
    let cut = [vec!["1", "2"], vec!["3"], vec!["4", "5", "6"], vec!["7"], vec!["8"]];
    assert_eq!(versions(&set), cut);
    Promise::learn(&mut conn, &set).await.unwrap();
}

#[tokio::test]
async fn a_new_tenant_and_one_that_has_the_type_go_through_the_segments() {
    let site = site().await;
    let set = moods().cut_before(&["3".into()]);
    let old = site.tenant(1, "old").with_schema(&site).await;
    let new = site.tenant(2, "new").with_schema(&site).await;
    let mut tx = site.begin().await;
    old.apply(&mut tx, &set_of(&[("1_a.sql", "create type mood as enum ('a');")])).await.unwrap();
    tx.commit().await.unwrap();

    for tenant in [&old, &new] {
        // the second time, nothing is left to do
        for _ in 0..2 {
            tenant.walk(&site, &set, &set.segments()).await.unwrap();
        }

        assert_eq!(tenant.versions(&site).await, ["1", "2", "3", "4"]);
        let mut tx = site.begin().await;
        let again = tenant.apply(&mut tx, &set).await.unwrap();
        assert!(again.applied.is_empty());
        let rows = format!("select count(*) from {}.t", tenant.schema.as_str());
        assert_eq!(count(&mut tx, &rows).await, 2);
    }
}

#[tokio::test]
async fn the_row_says_what_the_tenant_has_after_each_segment_on_both_ways() {
    let site = site().await;
    let set = set_of(&[
        ("1_a.up.sql", "create table a ();"),
        ("1_a.down.sql", "drop table a;"),
        ("2_b.up.sql", "create table b ();"),
        ("2_b.down.sql", "-- no-transaction\ndrop table b;"),
        ("3_c.up.sql", "create table c ();"),
        ("3_c.down.sql", "drop table c;"),
    ]);
    let set = set.cut_before(&["3".into()]);
    let tenant = site.tenant(1, "acme").with_schema(&site).await;

    let mut had = Vec::new();
    let back = set.segments_back(&migrations::Target::Start).unwrap();
    for segment in set.segments().iter().chain(&back) {
        tenant.walk(&site, &set, std::slice::from_ref(segment)).await.unwrap();
        had.push(tenant.versions(&site).await.join(" "));
    }

    assert_eq!(had, ["1 2", "1 2 3", "1 2", "1", ""]);
}

#[tokio::test]
async fn one_transaction_for_what_needs_several_is_refused_before_anything_runs() {
    let site = site().await;
    let set = moods().cut_before(&["3".into()]);
    let tenant = site.tenant(1, "acme").with_schema(&site).await;
    let mut tx = site.begin().await;
    tenant
        .apply(&mut tx, &set_of(&[("1_a.sql", "create type mood as enum ('a');")]))
        .await
        .unwrap();

    let refused = tenant.apply(&mut tx, &set).await.unwrap_err();

    assert!(
        matches!(refused, MigrateError::SeveralTransactions { alone: false, .. }),
        "{refused:?}"
    );
    assert!(refused.to_string().contains("3 (3_c.sql) needs what is before it"), "{refused}");
    let new = site.tenant(2, "new").with_schema(&site).await;
    let not_one = set.in_one_transaction(false);
    let alone = new.apply(&mut tx, &not_one).await.unwrap_err();
    let in_group = newcomers::migrate(&mut tx, &[new.subject()], &not_one).await.unwrap_err();
    for refused in [alone, in_group] {
        assert!(matches!(refused, MigrateError::NotOneTransaction), "{refused:?}");
    }
    assert_eq!(count(&mut tx, "select count(*) from pg_enum").await, 1);
}

#[tokio::test]
async fn a_promise_is_learnt_of_a_set_that_no_single_transaction_builds() {
    let site = site().await;
    let tenant = site.tenant(1, "acme").with_schema(&site).await;
    let set = set_of(&[
        ("1_a.sql", "create table a (id int);"),
        ("2_b.sql", "-- no-transaction\ncreate index concurrently i on a (id);\nvacuum a;"),
        ("3_c.sql", "create table c ();"),
    ]);
    let mut conn = site.db.pool.acquire().await.unwrap();

    let promise = Promise::learn(&mut conn, &set).await.unwrap();
    let repeats = promise.repeats(&mut conn, &set).await.unwrap();

    assert!(!promise.is_one_transaction());
    assert_eq!(promise.no_spares(), Some("the tenant migrations take several transactions"));
    assert_eq!((promise.tenants_at_once(1), repeats), (1, vec![]));
    assert_eq!(scratch_schemas(&site).await, 0);
    let path: String = sqlx::query_scalar("show search_path").fetch_one(&mut *conn).await.unwrap();
    let limit: String =
        sqlx::query_scalar("show lock_timeout").fetch_one(&mut *conn).await.unwrap();
    assert_eq!((path.contains("tn_promise"), limit.as_str()), (false, "0"));
    tenant.walk(&site, &set, &set.segments()).await.unwrap();
    let has = tenantdb::shape::read(&mut conn, &tenant.schema).await.unwrap();
    let names: Vec<_> = has.keys().map(|k| k.replace("acme.", "")).collect();
    let promised: Vec<_> = promise.in_any_schema().into_keys().collect();
    assert_eq!(names.len(), promised.len(), "{names:?} {promised:?}");
}

#[tokio::test]
async fn a_set_with_an_index_made_concurrently_is_one_transaction_for_a_new_tenant() {
    let site = site().await;
    let set = set_of(&[
        ("1_a.sql", "create table a (id int);"),
        ("2_b.sql", "-- no-transaction\ncreate index concurrently i on a (id);"),
    ]);
    let mut conn = site.db.pool.acquire().await.unwrap();

    let promise = Promise::learn(&mut conn, &set).await.unwrap();

    assert_eq!((promise.is_one_transaction(), promise.no_spares()), (true, None));
    assert_eq!(set.segments().len(), 2);
    let (one, by_segments) = (site.tenant(1, "one"), site.tenant(2, "two"));
    let (one, by_segments) = (one.with_schema(&site).await, by_segments.with_schema(&site).await);
    one.apply(&mut conn, &set).await.unwrap();
    by_segments.walk(&site, &set, &set.segments()).await.unwrap();
    let text = |shape: tenantdb::Shape, name: &str| format!("{shape:?}").replace(name, "");
    let one = text(tenantdb::shape::read(&mut conn, &one.schema).await.unwrap(), "one");
    let two = text(tenantdb::shape::read(&mut conn, &by_segments.schema).await.unwrap(), "two");
    assert_eq!(one, two);
}

#[tokio::test]
async fn scratch_schemas_of_sessions_that_are_gone_are_dropped_and_no_others() {
    let site = site().await;
    let mut conn = site.db.pool.acquire().await.unwrap();
    let mut other = site.db.pool.acquire().await.unwrap();
    let alive: i32 =
        sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut *other).await.unwrap();
    let mark = |whose: &str, pid: i32| format!("'tenantry:{whose}:scratch:{pid}'");
    let id = site.installation.as_str();
    execute(
        &mut conn,
        &format!(
            "create schema tn_promise_gone; create table tn_promise_gone.a ();
             comment on schema tn_promise_gone is {};
             create schema tn_promise_used; comment on schema tn_promise_used is {};
             create schema tn_promise_theirs; comment on schema tn_promise_theirs is {};
             create schema tn_promise_unmarked; create schema gone; comment on schema gone is {}",
            mark(id, 2_000_000_000),
            mark(id, alive),
            mark("ffffffff", 2_000_000_000),
            mark(id, 2_000_000_000),
        ),
    )
    .await
    .unwrap();

    migrations::boundaries(&mut conn, &moods()).await.unwrap();

    let left: Vec<String> = sqlx::query_scalar(
        "select nspname::text from pg_namespace where nspname ~ '^tn_promise|^gone' order by 1",
    )
    .fetch_all(&mut *conn)
    .await
    .unwrap();
    assert_eq!(left, ["gone", "tn_promise_theirs", "tn_promise_unmarked", "tn_promise_used"]);
}

#[tokio::test]
async fn a_set_that_fails_leaves_no_scratch_schema() {
    let site = site().await;
    let mut conn = site.db.pool.acquire().await.unwrap();
    let set = set_of(&[
        ("1_a.sql", "create type mood as enum ('a');"),
        ("2_b.sql", "alter type mood add value 'b'; create table t (m mood default 'b');"),
    ]);
    let broken =
        set_of(&[("1_a.sql", "create table a ();"), ("2_b.sql", "-- no-transaction\nvacuum b;")]);

    // a file that uses what it adds itself can run in no transaction; from 17 on, in that of the type
    let learnt = migrations::boundaries(&mut conn, &set).await;
    let failed = Promise::learn(&mut conn, &broken).await.unwrap_err();

    assert!(learnt.unwrap_err().to_string().contains("2 (2_b.sql"), "of a type that is older");
    assert!(failed.to_string().starts_with("migration 2 (2_b.sql"), "{failed}");
    assert_eq!(scratch_schemas(&site).await, 0);
}
