//! Whatever a name holds, the server reads back exactly that name.

use proptest::prelude::{ProptestConfig, Strategy, any};
use proptest::test_runner::{TestCaseError, TestError, TestRunner};
use sqlx::{AssertSqlSafe, Column, Connection, PgConnection, Row};
use tenantdb::Ident;

/// Names of any characters a name can hold, and many of those that end or escape one.
fn names() -> impl Strategy<Value = String> {
    let hostile = proptest::sample::select(vec![
        '"', '\'', '\\', ';', '$', '-', '/', '*', '.', ' ', '\n', '\r', '\t', '%', '\u{0}',
        '\u{1}', 'é', 'İ', '\u{202e}', '\u{feff}', '💥', 'A', 'a',
    ]);
    let character = proptest::prop_oneof![3 => hostile, 1 => any::<char>()];
    proptest::collection::vec(character, 1..40)
        .prop_map(|c| c.into_iter().filter(|c| *c != '\u{0}').collect::<String>())
        .prop_filter("a name has 1 to 63 bytes", |name| (1..=63).contains(&name.len()))
}

async fn spoken_back(conn: &mut PgConnection, name: &str) -> sqlx::Result<String> {
    let sql = format!("select 1 as {}", Ident::quote(name));
    let row = sqlx::query(AssertSqlSafe(sql)).persistent(false).fetch_one(conn).await?;
    Ok(row.columns()[0].name().to_owned())
}

#[test]
fn every_quoted_name_comes_back_as_it_went() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let db = runtime.block_on(harness::empty_db());
    let connection = runtime.block_on(PgConnection::connect(&db.url)).unwrap();
    let connection = std::cell::RefCell::new(connection);

    let mut runner = TestRunner::new(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let outcome = runner.run(&names(), |name| {
        let back = runtime.block_on(spoken_back(&mut connection.borrow_mut(), &name));
        match back {
            Ok(back) if back == name => Ok(()),
            other => Err(TestCaseError::fail(format!("{name:?} came back as {other:?}"))),
        }
    });

    if let Err(TestError::Fail(why, name)) = outcome {
        panic!("{name:?}: {why}");
    }
    runtime.block_on(db.pool.close());
}

#[tokio::test]
async fn every_schema_name_that_parses_can_be_made_read_and_dropped() {
    let site = crate::support::site().await;
    let longest = "z".repeat(63);
    for name in ["select", "user", "table", "_", "a", "t_1", "pgx", "xml", longest.as_str()] {
        let tenant = site.tenant(1, name);
        let mut tx = site.begin().await;

        tenant.provision(&mut tx, &tenantdb::MigrationSet::embedded()).await;

        assert_eq!(tenant.faults(&mut tx, None).await, Vec::<String>::new(), "{name}");
        assert!(tenantdb::schema::drop_owned(&mut tx, &tenant.schema, &tenant.mark).await.unwrap());
        assert!(tenantdb::role::drop_owned(&mut tx, &tenant.role, &tenant.mark).await.unwrap());
    }
}
