//! Files that run outside any transaction: forward and back, again after a crash, and no further than
//! their tenant.

use sqlx::Connection as _;
use tenantdb::MigrationSet;
use tenantdb::migrations::{self, MigrateError, Target};

use crate::support::{Site, Tenant, count, execute, set_of, site};

const INDEXES: &str = "select count(*) from pg_index i join pg_class c on c.oid = i.indexrelid
    where c.relnamespace = 'acme'::regnamespace and c.relname = 'i'";

fn indexed() -> MigrationSet {
    set_of(&[
        ("1_a.up.sql", "create table a (id int); insert into a values (1);"),
        ("1_a.down.sql", "drop table a;"),
        ("2_b.up.sql", "-- no-transaction\ncreate index concurrently i on a (id);"),
        ("2_b.down.sql", "-- no-transaction\ndrop index concurrently i;"),
    ])
}

/// A tenant that has the first file.
async fn tenant_at_1(site: &Site, set: &MigrationSet) -> Tenant {
    let tenant = site.tenant(1, "acme").with_schema(site).await;
    tenant.walk(site, set, &set.segments()[..1]).await.unwrap();
    tenant
}

async fn ask(site: &Site, sql: &str) -> i64 {
    count(&mut site.db.pool.acquire().await.unwrap(), sql).await
}

/// Waits until the answer is 1.
async fn until(site: &Site, sql: &str) {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while ask(site, sql).await != 1 {
        assert!(std::time::Instant::now() < end, "{sql}");
        site.run("select pg_sleep(0.01)").await;
    }
}

/// The session that makes the index waits for older transactions.
const WAITS: &str = "select count(*) from pg_stat_activity
    where datname = current_database() and query ~* '^create index concurrently'
        and wait_event = 'virtualxid' and clock_timestamp() - query_start > interval '0.2 s'";

#[tokio::test]
async fn an_index_is_made_concurrently_and_dropped_again() {
    let site = site().await;
    let set = indexed();
    let tenant = tenant_at_1(&site, &set).await;
    // a lock that an index made in a transaction would wait for
    let mut writer = site.begin().await;
    execute(&mut writer, "insert into acme.a values (2)").await.unwrap();
    let segments = set.segments();
    let walk = tenant.walk(&site, &set, &segments);
    let (done, ()) = tokio::join!(walk, async {
        // longer than the limit of a wait for a lock
        until(&site, WAITS).await;
        execute(&mut writer, "insert into acme.a values (3)").await.unwrap();
        writer.commit().await.unwrap();
    });
    done.unwrap();

    assert_eq!(ask(&site, &format!("{INDEXES} and i.indisvalid")).await, 1);
    assert_eq!(tenant.versions(&site).await, ["1", "2"]);
    let back = set.segments_back(&Target::Version("1".into())).unwrap();
    tenant.walk(&site, &set, &back).await.unwrap();
    assert_eq!(ask(&site, INDEXES).await, 0);
    assert_eq!(tenant.versions(&site).await, ["1"]);
}

#[tokio::test]
async fn an_index_that_a_crash_left_half_made_is_dropped_and_made_again() {
    let site = site().await;
    let set = indexed();
    let tenant = tenant_at_1(&site, &set).await;
    // the same name elsewhere is nobody's business
    site.run(
        "create schema other; create table other.a (id int); insert into other.a values (1), (1)",
    )
    .await;
    let mut conn = site.db.pool.acquire().await.unwrap();
    execute(&mut conn, "create unique index concurrently i on other.a (id)").await.unwrap_err();
    let mut old = site.begin().await;
    execute(&mut old, "set transaction isolation level repeatable read; table acme.a")
        .await
        .unwrap();

    let segments = set.segments();
    let (killed, ()) = tokio::join!(tenant.walk(&site, &set, &segments), async {
        until(&site, WAITS).await;
        let kill = WAITS.replace("count(*)", "count(pg_terminate_backend(pid))");
        assert_eq!(ask(&site, &kill).await, 1);
    });
    old.rollback().await.unwrap();
    until(&site, &WAITS.replace("count(*)", "1 - count(*)")).await;
    let half = ask(&site, &format!("{INDEXES} and not i.indisvalid")).await;
    let recorded = tenant.versions(&site).await;
    tenant.walk(&site, &set, &set.segments()).await.unwrap();

    killed.unwrap_err();
    assert_eq!((half, recorded), (1, vec!["1".to_owned()]));
    assert_eq!(ask(&site, &format!("{INDEXES} and i.indisvalid")).await, 1);
    assert_eq!(tenant.versions(&site).await, ["1", "2"]);
    let theirs =
        "select count(*) from pg_index where indexrelid = 'other.i'::regclass and not indisvalid";
    assert_eq!(ask(&site, theirs).await, 1);
}

#[tokio::test]
async fn an_index_that_the_rows_do_not_allow_is_told_with_its_line_and_leaves_nothing() {
    let site = site().await;
    let set = set_of(&[
        ("1_a.sql", "create table a (id int); insert into a values (1), (1);"),
        ("2_b.sql", "-- no-transaction\n\ncreate unique index concurrently i on a (id);"),
    ]);
    let tenant = tenant_at_1(&site, &set).await;

    let failed = tenant.walk(&site, &set, &set.segments()).await.unwrap_err();

    assert!(failed.to_string().starts_with("migration 2 (2_b.sql, line 3) failed"), "{failed}");
    assert_eq!(ask(&site, INDEXES).await, 0);
    assert_eq!(tenant.versions(&site).await, ["1"]);
}

#[tokio::test]
async fn a_file_that_ran_and_was_not_recorded_runs_again_and_changes_nothing() {
    let site = site().await;
    let set = set_of(&[
        (
            "1_a.sql",
            "create table a (id int); create index gone on a (id); create index old on a (id);
             create type mood as enum ('a'); create table dropped ();",
        ),
        (
            "2_b.sql",
            "-- no-transaction
             create index concurrently i on a (id);
             drop index concurrently gone;
             reindex index concurrently old;
             alter type mood add value 'b';
             create table t (m mood default 'b');
             alter table t add column n int, add constraint positive check (n > 0);
             drop table dropped;
             create function f() returns int language sql as 'select 1';
             vacuum (analyze) a, t;
             comment on table t is 'done'",
        ),
    ]);
    let tenant = tenant_at_1(&site, &set).await;
    let segments = set.segments();
    let shape = async || {
        let mut conn = site.db.pool.acquire().await.unwrap();
        tenantdb::shape::read(&mut conn, &tenant.schema).await.unwrap()
    };

    tenant.run_alone(&site, &set, &segments[1]).await.unwrap();
    let first = shape().await;
    let made = ask(&site, "select 'acme.i'::regclass::oid::bigint").await;
    // what a crash in the middle of REINDEX CONCURRENTLY leaves
    site.run("create index old_ccnew on acme.a (id)").await;
    site.run(
        "update pg_index set indisvalid = false where indexrelid = 'acme.old_ccnew'::regclass",
    )
    .await;
    tenant.walk(&site, &set, &segments).await.unwrap();

    assert_eq!(shape().await, first);
    let kept = ask(&site, "select 'acme.i'::regclass::oid::bigint").await;
    assert_eq!(kept, made, "a valid index is not made again");
    assert_eq!(tenant.versions(&site).await, ["1", "2"]);
}

#[tokio::test]
async fn a_statement_that_changes_the_path_or_the_role_is_the_last_of_its_session() {
    let site = site().await;
    site.run("grant create on schema public to public; create role stranger").await;
    let hidden = |what: &str| {
        let file = format!(
            "create function f() returns text language plpgsql as
             $$ begin return set_config({what}, false); end $$"
        );
        let evil = "-- no-transaction\ncreate table x as select f();\ncreate table y ();";
        set_of(&[("1_a.sql", &file), ("2_b.sql", evil)])
    };
    for (id, name, what) in
        [(1, "one", "'search_' || 'path', 'public'"), (2, "two", "'ro' || 'le', 'stranger'")]
    {
        let tenant = site.tenant(id, name).with_schema(&site).await;
        let set = hidden(what);

        let escaped = tenant.walk(&site, &set, &set.segments()).await.unwrap_err();

        assert!(matches!(escaped, MigrateError::Escaped), "{escaped:?}");
        assert_eq!(ask(&site, "select count(*) from pg_class where relname = 'y'").await, 0);
        assert_eq!(tenant.versions(&site).await, ["1"]);
    }
    // the sessions were closed: nothing of them meets the next tenant
    until(
        &site,
        "select 1 - count(*) from pg_stat_activity
         where datname = current_database() and query ~ 'current_schema' and pid <> pg_backend_pid()",
    )
    .await;
    site.run("drop role stranger").await;
}

#[tokio::test]
async fn the_session_has_the_tenants_path_and_limits_and_waits_no_longer() {
    let site = site().await;
    let set = set_of(&[
        ("1_a.sql", "create table a (id int);"),
        (
            "2_b.sql",
            "-- no-transaction
             create table t as select current_setting('search_path') as path,
                 current_setting('lock_timeout') as lock, current_setting('statement_timeout') as run,
                 current_user = session_user as same;
             alter table a add column n int",
        ),
    ]);
    let tenant = tenant_at_1(&site, &set).await;
    let mut other = site.begin().await;
    execute(&mut other, "lock table acme.a in access share mode").await.unwrap();

    let waited = tenant.walk(&site, &set, &set.segments()).await.unwrap_err();

    let state = waited.database().and_then(|e| e.as_database_error()?.code()).unwrap().into_owned();
    assert_eq!(state, "55P03", "a wait is tried again: {waited}");
    other.rollback().await.unwrap();
    tenant.walk(&site, &set, &set.segments()).await.unwrap();
    let mut conn = site.db.pool.acquire().await.unwrap();
    let row: (String, String, String, bool) =
        sqlx::query_as("select * from acme.t").fetch_one(&mut *conn).await.unwrap();
    assert_eq!(row, ("\"acme\", pg_temp".into(), "100ms".into(), "30s".into(), true));
}

#[tokio::test]
async fn a_schema_that_is_gone_is_no_reason_to_run_elsewhere() {
    let site = site().await;
    let set = indexed();
    let tenant = tenant_at_1(&site, &set).await;
    site.run("drop schema acme cascade; create table public.a (id int)").await;

    let failed = tenant.run_alone(&site, &set, &set.segments()[1]).await.unwrap_err();

    let state = failed.database().and_then(|e| e.as_database_error()?.code()).unwrap().into_owned();
    assert_eq!(state, "3F000", "{failed:?}");
    let all = "select count(*) from pg_class where relname = 'i'";
    assert_eq!(ask(&site, all).await, 0);
}

#[tokio::test]
async fn a_segment_outside_any_transaction_is_refused_in_one() {
    let site = site().await;
    let set = indexed();
    let tenant = tenant_at_1(&site, &set).await;
    let segments = set.segments();
    let mut conn = site.db.pool.acquire().await.unwrap();
    let mut tx = conn.begin().await.unwrap();

    let (id, schema) = (tenant.mark.tenant, &tenant.schema);
    let refused = migrations::run_segment(&mut tx, id, schema, &set, &segments[1]).await;
    let back = tenant.revert(&mut tx, &set, Some(&Target::Start)).await.unwrap();

    let refused = refused.unwrap_err();
    assert!(
        matches!(refused, MigrateError::SeveralTransactions { alone: true, .. }),
        "{refused:?}"
    );
    assert_eq!(back.reverted, ["1"], "what it does not have stands in no way");
}
