//! The audit log is kept by months: nothing of it can be changed, a month goes only after its export.

#![allow(clippy::unwrap_used, reason = "a failed helper fails the test")]

use chrono::{Datelike as _, NaiveDate, Utc};
use harness::Db;
use sqlx::PgPool;
use store::audit::{self, Export, Verdict};

/// The migration before the log had months.
const BEFORE: i64 = 17;

const ROWS: &str = "insert into tenantry.audit_log (actor, action, at) values
    ('a', 'x', '2026-08-01 00:00:00+00'), ('b', 'x', '2026-08-31 23:59:59.999999+00'),
    ('c', 'x', '2026-09-01 00:00:00+00'), ('d', 'x', now())";

async fn run(pool: &PgPool, sql: &'static str) {
    sqlx::raw_sql(sql).execute(pool).await.unwrap();
}

async fn texts(pool: &PgPool, sql: &'static str) -> Vec<String> {
    sqlx::query_scalar(sql).fetch_all(pool).await.unwrap()
}

/// Each row with the end of its partition's name.
async fn places(db: &Db) -> Vec<String> {
    texts(
        &db.pool,
        "select actor || ' ' || replace(tableoid::regclass::text, 'tenantry.audit_log_', '')
         from tenantry.audit_log order by id",
    )
    .await
}

fn this_month() -> String {
    Utc::now().format("%Y_%m").to_string()
}

fn august() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 8, 1).unwrap()
}

async fn record(db: &Db, rows: i64) {
    let sha256 = "a".repeat(64);
    let export = Export { month: august(), actor: "cli:me", rows, sha256: &sha256 };
    audit::record_export(&mut db.pool.acquire().await.unwrap(), export).await.unwrap();
}

async fn drop_month(db: &Db, month: NaiveDate) -> Verdict {
    audit::drop_month(&mut db.pool.acquire().await.unwrap(), month).await.unwrap()
}

async fn make_months(db: &Db) -> i32 {
    audit::make_months(&mut db.pool.acquire().await.unwrap()).await.unwrap()
}

/// Until a session of this database waits for a lock.
async fn somebody_waits(pool: &PgPool) {
    let waits = "select count(*) from pg_locks where not granted and database =
        (select oid from pg_database where datname = current_database())";
    while sqlx::query_scalar::<_, i64>(waits).fetch_one(pool).await.unwrap() == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn rows_move_to_their_months_and_back_with_their_ids() {
    let db = harness::fresh_db().await;
    store::MIGRATOR.undo(&db.pool, BEFORE).await.unwrap();
    run(&db.pool, ROWS).await;
    run(
        &db.pool,
        "insert into tenantry.audit_log (id, actor, action) overriding system value
        values (70, 'e', 'x'); select setval('tenantry.audit_log_id_seq', 99)",
    )
    .await;
    // Without the columns of later versions.
    let all =
        "select (to_jsonb(l) - '{role, on_behalf_of, personal, personal_digest}'::text[])::text
        from tenantry.audit_log l order by id";
    let before = texts(&db.pool, all).await;

    store::migrate(&db.pool).await.unwrap();
    let (by_month, up) = (places(&db).await, texts(&db.pool, all).await);
    run(&db.pool, "insert into tenantry.audit_log (actor, action) values ('f', 'x')").await;
    store::MIGRATOR.undo(&db.pool, BEFORE).await.unwrap();
    run(&db.pool, "insert into tenantry.audit_log (actor, action) values ('g', 'x')").await;
    let down = texts(&db.pool, all).await;

    let now = this_month();
    let expected =
        ["a 2026_08", "b 2026_08", "c 2026_09", &format!("d {now}"), &format!("e {now}")];
    assert_eq!(by_month, expected);
    assert_eq!(up, before);
    assert_eq!(down[..5], before[..]);
    let later = [(5, "\"id\": 100,"), (6, "\"id\": 101,")];
    assert!(later.iter().all(|(row, id)| down[*row].contains(id)), "{down:?}");
    let tables = "select relname::text from pg_class
        where relnamespace = 'tenantry'::regnamespace and relkind in ('r', 'p')
          and relname like 'audit%'";
    assert_eq!(texts(&db.pool, tables).await, ["audit_log"]);
}

#[tokio::test]
async fn an_insert_needs_no_worker_and_its_month_is_made_later() {
    let db = harness::fresh_db().await;
    run(&db.pool, ROWS).await;
    let without = places(&db).await;

    let made = [make_months(&db).await, make_months(&db).await];

    assert_eq!(without, ["a other", "b other", "c other", "d other"]);
    assert_eq!(made, [5, 0]);
    let now = format!("d {}", this_month());
    assert_eq!(places(&db).await, ["a 2026_08", "b 2026_08", "c 2026_09", now.as_str()]);
}

#[tokio::test]
async fn an_insert_that_meets_the_making_of_its_month_waits_and_succeeds() {
    let db = harness::fresh_db().await;
    let mut maker = db.pool.begin().await.unwrap();
    audit::make_months(&mut maker).await.unwrap();

    let pool = db.pool.clone();
    let insert = tokio::spawn(async move {
        sqlx::query("insert into tenantry.audit_log (actor, action) values ('a', 'x')")
            .execute(&pool)
            .await
    });
    somebody_waits(&db.pool).await;
    maker.commit().await.unwrap();

    insert.await.unwrap().unwrap();
    assert_eq!(places(&db).await, [format!("a {}", this_month())]);
}

#[tokio::test]
async fn who_reads_the_log_for_long_holds_up_no_insert() {
    let db = harness::fresh_db().await;
    make_months(&db).await;
    run(
        &db.pool,
        "insert into tenantry.audit_log (actor, action, at) values ('a', 'x', '2026-08-01')",
    )
    .await;
    let mut reader = db.pool.begin().await.unwrap();
    sqlx::query("select from tenantry.audit_log").execute(&mut *reader).await.unwrap();

    let (made, written) = tokio::join!(
        async { audit::make_months(&mut db.pool.acquire().await.unwrap()).await },
        async {
            let mut tx = db.pool.begin().await.unwrap();
            sqlx::raw_sql(
                "set local lock_timeout = '1s';
                insert into tenantry.audit_log (actor, action) select 'b', 'x' from pg_sleep(0.5)",
            )
            .execute(&mut *tx)
            .await
        }
    );

    let refused = made.unwrap_err();
    assert_eq!(refused.as_database_error().unwrap().code().as_deref(), Some("55P03"));
    written.unwrap();
}

#[tokio::test]
async fn no_row_is_changed_in_the_log_or_in_a_part_of_it() {
    let db = harness::fresh_db().await;
    run(&db.pool, ROWS).await;
    make_months(&db).await;
    run(
        &db.pool,
        "insert into tenantry.audit_log (actor, action, at) values ('z', 'x', '2020-01-01')",
    )
    .await;

    for table in ["audit_log", "audit_log_other", "audit_log_2026_08"] {
        for act in ["update {} set actor = 'x'", "delete from {}", "truncate {}"] {
            let act = act.replace("{}", &format!("tenantry.{table}"));
            let refused = sqlx::raw_sql(sqlx::AssertSqlSafe(act.clone())).execute(&db.pool).await;

            let refused = refused.expect_err(&act);
            let code = refused.as_database_error().unwrap().code().map(|c| c.into_owned());
            assert_eq!(code.as_deref(), Some("42501"), "{act}");
        }
    }
    assert_eq!(places(&db).await.len(), 5);
}

#[tokio::test]
async fn a_month_goes_only_when_it_is_over_and_its_newest_export_has_every_row() {
    let db = harness::fresh_db().await;
    run(&db.pool, ROWS).await;
    let now = Utc::now().date_naive().with_day(1).unwrap();

    // still in the default partition
    assert_eq!(drop_month(&db, august()).await, Verdict::NotExported);
    record(&db, 2).await;
    record(&db, 1).await;
    assert_eq!(drop_month(&db, august()).await, Verdict::Changed { rows: 2, exported: 1 });
    assert_eq!(drop_month(&db, now).await, Verdict::NotOver);
    record(&db, 2).await;
    assert_eq!(drop_month(&db, august()).await, Verdict::Dropped { rows: 2 });
    assert_eq!(drop_month(&db, august()).await, Verdict::NoRows);

    let left: Vec<String> = places(&db).await.iter().map(|p| p[..1].to_owned()).collect();
    assert_eq!(left, ["c", "d"]);
    let open = "select id::text from tenantry.audit_exports where dropped_at is null";
    assert_eq!(texts(&db.pool, open).await, [""; 0]);
}

#[tokio::test]
async fn a_row_that_is_not_committed_yet_keeps_its_month() {
    let db = harness::fresh_db().await;
    run(&db.pool, ROWS).await;
    make_months(&db).await;
    record(&db, 2).await;
    let mut late = db.pool.begin().await.unwrap();
    sqlx::query("insert into tenantry.audit_log (actor, action, at) values ('e', 'x', '2026-08-31 12:00+00')")
        .execute(&mut *late)
        .await
        .unwrap();

    let pool = db.pool.clone();
    let dropped = tokio::spawn(async move {
        audit::drop_month(&mut pool.acquire().await.unwrap(), august()).await
    });
    somebody_waits(&db.pool).await;
    late.commit().await.unwrap();

    assert_eq!(dropped.await.unwrap().unwrap(), Verdict::Changed { rows: 3, exported: 2 });
}

#[tokio::test]
async fn a_role_that_nobody_gave_rights_has_none_on_the_log() {
    let db = harness::fresh_db().await;
    run(&db.pool, ROWS).await;
    make_months(&db).await;

    let open = texts(
        &db.pool,
        "select c.oid::regclass::text from pg_class c
         where c.relnamespace = 'tenantry'::regnamespace and c.relkind in ('r', 'p')
           and (c.relname like 'audit%' or c.relname = 'pruned_operations')
           and exists (select from aclexplode(c.relacl) a where a.grantee = 0)
         union all
         select p.oid::regprocedure::text from pg_proc p
         where p.pronamespace = 'tenantry'::regnamespace and p.proname like '%audit_month%'
           and exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
                       where a.grantee = 0)",
    )
    .await;

    assert_eq!(open, [""; 0]);
    let functions = "select count(*)::text from pg_proc
        where pronamespace = 'tenantry'::regnamespace and proname like '%audit_month%'";
    assert_eq!(texts(&db.pool, functions).await, ["3"]);
}
