//! Version tables that a release before this one kept in tenants' schemas become rows of the ledger.

#![allow(clippy::unwrap_used, reason = "a failed helper fails the test")]

mod bench;

use std::time::Duration;

use domain::{SchemaName, TenantId};
use operations::{SpareBuilder, carry_over};
use sqlx::{AssertSqlSafe, PgPool};
use store::StageLimits;
use tenantdb::{MigrationSet, ledger, migrations};

const LIMITS: StageLimits = StageLimits {
    statement: Duration::from_secs(20),
    lock: Duration::from_secs(10),
    silence: Duration::from_secs(10),
};

/// Longest wait for something that has to happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// Tenant `n` in schema `t_n`: its state, and the version table that a release before made there, with
/// numbers in every other one. Of what the migrations make there is nothing.
async fn as_before(pool: &PgPool, n: i64, state: &str, versions: usize) {
    let type_of_version = if n % 2 == 0 { "bigint" } else { "varchar(100)" };
    let set = MigrationSet::embedded();
    let row = |m: &migrations::Migration| {
        let (version, checksum) = (m.version(), m.checksum());
        format!("(('{version}'::text)::{type_of_version}, 'x', '{checksum}')")
    };
    let rows: Vec<String> = set.iter().take(versions).map(row).collect();
    let text = format!(
        "insert into tenantry.tenants (id, name, domain, schema_name, role_name, state)
         values ({n}, 'T', 't{n}.example', 't_{n}', 'tn_00000000_{n}', '{state}');
         create schema t_{n};
         create table t_{n}.tenantry_migrations (version {type_of_version} primary key,
             description varchar(200) not null, checksum varchar(96) not null,
             applied_at timestamptz not null default now());
         insert into t_{n}.tenantry_migrations values {}",
        rows.join(", ")
    );
    sqlx::raw_sql(AssertSqlSafe(text)).execute(pool).await.unwrap();
}

async fn number(pool: &PgPool, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(pool).await.unwrap()
}

const ROWS: &str = "select count(*) from tenantry.tenant_migrations";
const TABLES: &str = "select count(*) from pg_class where relname = 'tenantry_migrations'";

#[tokio::test]
async fn an_interrupted_run_keeps_what_it_carried_over_and_the_next_one_does_the_rest() {
    let db = harness::fresh_db().await;
    for n in 1..=110 {
        as_before(&db.pool, n, if n % 3 == 0 { "pending" } else { "active" }, 2).await;
    }
    sqlx::query(
        "insert into tenantry.tenants (id, name, domain, schema_name, role_name, state)
         values (111, 'T', 't111.example', 't_111', 'tn_00000000_111', 'pending')",
    )
    .execute(&db.pool)
    .await
    .unwrap();

    // another session holds the lock of a tenant of the second portion
    let mut tx = db.pool.begin().await.unwrap();
    store::open_stage(&mut tx, &[TenantId::new(60)], LIMITS).await.unwrap();
    let first_portion = async {
        while number(&db.pool, ROWS).await < 50 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        done = carry_over(&db.pool, LIMITS) => panic!("nothing held it up: {done:?}"),
        found = tokio::time::timeout(PATIENCE, first_portion) => found.unwrap(),
    }
    tx.rollback().await.unwrap();
    let between = (number(&db.pool, ROWS).await, number(&db.pool, TABLES).await);
    let rest = carry_over(&db.pool, LIMITS).await.unwrap();
    let again = carry_over(&db.pool, LIMITS).await.unwrap();

    assert_eq!(between, (50, 60));
    assert_eq!((rest.done, rest.left.len()), (60, 0), "{rest:?}");
    assert_eq!((again.done, again.left.len()), (0, 0), "{again:?}");
    assert_eq!((number(&db.pool, ROWS).await, number(&db.pool, TABLES).await), (110, 0));
    let mut conn = db.pool.acquire().await.unwrap();
    let ids: Vec<TenantId> = (1..=110).map(TenantId::new).collect();
    let entries = ledger::read(&mut conn, &ids).await.unwrap();
    let set = MigrationSet::embedded();
    for (id, entry) in ids.iter().zip(entries) {
        let entry = entry.unwrap();
        assert_eq!(
            (entry.set_hash.as_str(), entry.version.as_ref()),
            (set.hash(), set.head()),
            "{id}"
        );
    }
}

#[tokio::test]
async fn a_table_that_is_missing_or_odd_is_told_by_name_and_stops_no_other() {
    let db = harness::fresh_db().await;
    for n in 1..=5 {
        as_before(&db.pool, n, "active", 2).await;
    }
    let odd = "alter table t_2.tenantry_migrations rename checksum to sum;
        drop table t_3.tenantry_migrations;
        create view t_4.seen as select version from t_4.tenantry_migrations";
    sqlx::raw_sql(odd).execute(&db.pool).await.unwrap();

    let came = carry_over(&db.pool, LIMITS).await.unwrap();

    let left: Vec<_> = came
        .left
        .iter()
        .map(|left| {
            let code = left.error.as_ref().and_then(|e| e.as_database_error()?.code());
            (left.tenant.get(), left.schema.as_str(), code.unwrap_or_default().into_owned())
        })
        .collect();
    let told = |n, schema, code: &str| (n, schema, code.to_owned());
    assert_eq!(left, [told(3, "t_3", ""), told(2, "t_2", "42703"), told(4, "t_4", "2BP01")]);
    assert_eq!((came.done, number(&db.pool, ROWS).await), (2, 2));
}

#[tokio::test]
async fn a_migration_of_the_same_tenant_at_the_same_time_finds_the_table_or_the_row() {
    let db = harness::fresh_db().await;
    for n in 1..=8 {
        as_before(&db.pool, n, "active", 1).await;
    }
    let options = store::with_settings((*db.pool.connect_options()).clone());
    let pool = PgPool::connect_with(options).await.unwrap();
    let migrate_all = async {
        let (mut applied, set) = (Vec::new(), MigrationSet::embedded());
        for n in 1..=8 {
            let (id, schema) = (TenantId::new(n), SchemaName::parse(&format!("t_{n}")).unwrap());
            let mut tx = pool.begin().await.unwrap();
            store::open_stage(&mut tx, &[id], LIMITS).await.unwrap();
            let done = migrations::apply(&mut tx, id, &schema, &set).await.unwrap();
            tx.commit().await.unwrap();
            applied.push(done.applied.len());
        }
        applied
    };

    let (applied, came) = tokio::join!(migrate_all, carry_over(&db.pool, LIMITS));

    assert_eq!(applied, [1; 8]);
    let left = came.unwrap().left;
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(number(&db.pool, TABLES).await, 0);
    let newest = "select count(*) from tenantry.tenant_migrations where version = '0002'";
    assert_eq!(number(&db.pool, newest).await, 8);
}

#[tokio::test]
async fn what_another_process_carries_over_meanwhile_is_not_told_as_missing() {
    let db = harness::fresh_db().await;
    for n in 1..=3 {
        as_before(&db.pool, n, "active", 2).await;
    }
    let (id, schema) = (TenantId::new(2), SchemaName::parse("t_2").unwrap());
    let mut tx = db.pool.begin().await.unwrap();
    store::open_stage(&mut tx, &[id], LIMITS).await.unwrap();
    let other = async {
        let waits = "select count(*) from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock'";
        while number(&db.pool, waits).await == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        ledger::carry_over(&mut tx, &[(id, schema)]).await.unwrap();
        tx.commit().await.unwrap();
    };

    let other = tokio::time::timeout(PATIENCE, other);
    let (came, other) = tokio::join!(carry_over(&db.pool, LIMITS), other);

    other.unwrap();
    let came = came.unwrap();
    assert_eq!((came.done, came.left.len()), (2, 0), "{came:?}");
    assert_eq!((number(&db.pool, ROWS).await, number(&db.pool, TABLES).await), (3, 0));
}

/// It has a version table, which no tenant is to have: it is replaced.
#[tokio::test]
async fn a_spare_of_a_release_before_is_given_to_nobody() {
    let db = harness::fresh_db().await;
    let parts = bench::parts(&db.pool).await;
    let hash = parts.migrations.hash();
    let mut conn = db.pool.acquire().await.unwrap();
    let (id, print) = ([TenantId::new(1 << 52)], ["x".to_owned()]);
    let head = parts.migrations.head();
    for recipe in ["r1", "r2"] {
        let stamp = format!("{hash}/{recipe}/5");
        let mut tx = sqlx::Connection::begin(&mut *conn).await.unwrap();
        store::spares::record(&mut tx, &id, &print, &stamp, head).await.unwrap();
        tx.commit().await.unwrap();
        let builder = SpareBuilder::new(db.pool.clone(), parts.clone(), LIMITS);

        let count = builder.count().await.unwrap();

        assert_eq!((count.ready, count.other), (0, 1), "{recipe}");
        sqlx::query("delete from tenantry.spares").execute(&mut *conn).await.unwrap();
    }
}

/// Takes back migrations of the control schema, each in a transaction of its own, until none from
/// `first` on is left.
async fn down_through(pool: &PgPool, first: i64) -> Result<(), sqlx::migrate::MigrateError> {
    while store::revert_last(pool, "test").await?.is_some_and(|reverted| reverted > first) {}
    Ok(())
}

const TYPES: &str = "select count(*) from pg_attribute
    where attrelid::regclass::text like 't\\__.tenantry_migrations' and attname = 'version'
        and atttypid = 'bigint'::regtype";

#[tokio::test]
async fn a_release_before_versions_were_texts_finds_numbers_in_the_version_tables() {
    let db = harness::fresh_db().await;
    for n in 1..=3 {
        as_before(&db.pool, n, "active", 2).await;
    }
    carry_over(&db.pool, LIMITS).await.unwrap();

    down_through(&db.pool, 14).await.unwrap();

    assert_eq!(number(&db.pool, TYPES).await, 3);
    let versions: Vec<i64> =
        sqlx::query_scalar("select version from t_2.tenantry_migrations order by 1")
            .fetch_all(&db.pool)
            .await
            .unwrap();
    assert_eq!(versions, [1, 2]);
}

#[tokio::test]
async fn a_version_that_is_no_number_keeps_a_database_from_going_back_and_is_named() {
    let db = harness::fresh_db().await;
    for n in 1..=2 {
        as_before(&db.pool, n, "active", 2).await;
    }
    carry_over(&db.pool, LIMITS).await.unwrap();
    down_through(&db.pool, 15).await.unwrap();
    let odd = "update t_2.tenantry_migrations set version = '1.2' where version = '0002'";
    sqlx::query(odd).execute(&db.pool).await.unwrap();

    let refused = down_through(&db.pool, 14).await.unwrap_err();

    let told = telemetry::chain(&refused);
    assert!(told.contains("schema t_2: version \"1.2\" is not a number"), "{told}");
    assert_eq!(number(&db.pool, TYPES).await, 0);
}
