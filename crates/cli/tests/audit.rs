//! `tenantry audit`: a month goes into a file, and only then out of the log.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;

use std::{fs, path::Path};

use harness::Db;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use support::{Ran, tenantry};

const AUGUST: &[&str] = &["--month", "2026-08"];

fn run(db: &Db, dir: &Path, act: &str, more: &[&str]) -> Ran {
    let args: Vec<&str> = ["audit", act].into_iter().chain(more.iter().copied()).collect();
    tenantry(dir, &args, &[("DATABASE_URL", &db.url)])
}

fn export(db: &Db, dir: &Path, file: &str) -> Ran {
    run(db, dir, "export", &[AUGUST, &["--to", file]].concat())
}

/// Three rows of August, more than one page of July, and one of now.
async fn a_log() -> Db {
    let db = harness::fresh_db().await;
    sqlx::raw_sql(
        r#"insert into tenantry.audit_log (actor, action, tenant_id, detail, at) values
           ('operator:a', 'operation.submitted', 7, '{"n": 12345678901234567890, "t": "é\n"}',
            '2026-08-01 00:00+00'),
           ('sweeper', 'x', null, '{}', '2026-08-31 23:59:59.999999+00'),
           ('sweeper', 'y', null, '{}', '2026-08-15 00:00+00');
           insert into tenantry.audit_log (actor, action, at)
           select 'a', 'x', '2026-07-31 23:00+00' from generate_series(1, 5001);
           insert into tenantry.audit_log (actor, action) values ('a', 'now')"#,
    )
    .execute(&db.pool)
    .await
    .unwrap();
    db
}

async fn rows(db: &Db, question: &'static str) -> i64 {
    sqlx::query_scalar(question).fetch_one(&db.pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_has_every_row_in_order_and_is_recorded() {
    let (db, dir) = (a_log().await, tempfile::tempdir().unwrap());

    let made = run(&db, dir.path(), "export", &[AUGUST, &["--to", "a.ndjson", "--json"]].concat());
    let july = run(&db, dir.path(), "export", &["--month", "2026-07", "--to", "july.ndjson"]);

    assert_eq!((made.code, july.code), (0, 0), "{}{}", made.err, july.err);
    let text = fs::read_to_string(dir.path().join("a.ndjson")).unwrap();
    let first = r#"{"id":1,"at":"2026-08-01T00:00:00.000000Z","actor":"operator:a","action":"operation.submitted","tenant_id":7,"#;
    assert!(text.starts_with(first), "{text}");
    assert!(text.contains("12345678901234567890"), "{text}");
    let ids: Vec<i64> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].as_i64().unwrap())
        .collect();
    assert_eq!(ids, [1, 2, 3]);
    let july = fs::read_to_string(dir.path().join("july.ndjson")).unwrap();
    assert_eq!(july.lines().count(), 5001);
    let told: Value = serde_json::from_str(&made.out).unwrap();
    let hash = hex::encode(Sha256::digest(text.as_bytes()));
    assert_eq!((&told["rows"], &told["sha256"]), (&Value::from(3), &Value::from(hash.clone())));
    let recorded: (String, i64, String) = sqlx::query_as(
        "select exported_by, row_count, sha256 from tenantry.audit_exports where month = '2026-08-01'",
    )
    .fetch_one(&db.pool)
    .await
    .unwrap();
    assert!(recorded.0.starts_with("cli:"), "{recorded:?}");
    assert_eq!((recorded.1, recorded.2), (3, hash));
    let audited = "select count(*) from tenantry.audit_log
        where action = 'audit.exported' and actor like 'cli:%' and detail ->> 'month' = '2026-08'";
    assert_eq!(rows(&db, audited).await, 1);
    let files: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
    assert_eq!(files.len(), 2, "{files:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_overwrites_nothing_and_records_nothing_then() {
    let (db, dir) = (a_log().await, tempfile::tempdir().unwrap());
    fs::write(dir.path().join("mine"), "precious").unwrap();

    let over = export(&db, dir.path(), "mine");
    let nowhere = export(&db, dir.path(), "no/such/folder");
    let spelled = run(&db, dir.path(), "export", &["--month", "08-2026", "--to", "x"]);

    assert_eq!((over.code, nowhere.code, spelled.code), (1, 1, 2), "{}", over.err);
    assert!(over.err.contains("mine exists"), "{}", over.err);
    assert!(nowhere.err.contains("could not write no/such/folder"), "{}", nowhere.err);
    assert!(spelled.err.contains("write it as 2026-08"), "{}", spelled.err);
    assert_eq!(fs::read_to_string(dir.path().join("mine")).unwrap(), "precious");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    assert_eq!(rows(&db, "select count(*) from tenantry.audit_exports").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_is_dropped_when_it_is_in_a_file_and_somebody_says_yes() {
    let (db, dir) = (a_log().await, tempfile::tempdir().unwrap());
    let yes = [AUGUST, &["--yes"]].concat();
    let now: String = sqlx::query_scalar("select to_char(now() at time zone 'UTC', 'YYYY-MM')")
        .fetch_one(&db.pool)
        .await
        .unwrap();

    let unconfirmed = run(&db, dir.path(), "drop", AUGUST);
    let unexported = run(&db, dir.path(), "drop", &yes);
    let first = export(&db, dir.path(), "a");
    sqlx::query(
        "insert into tenantry.audit_log (actor, action, at) values ('late', 'x', '2026-08-20')",
    )
    .execute(&db.pool)
    .await
    .unwrap();
    let grown = run(&db, dir.path(), "drop", &yes);
    let second = export(&db, dir.path(), "b");
    let current = run(&db, dir.path(), "drop", &["--month", &now, "--yes"]);
    let before = rows(&db, "select count(*) from tenantry.audit_log").await;
    let dropped = run(&db, dir.path(), "drop", &yes);
    let again = run(&db, dir.path(), "drop", &yes);

    assert_eq!((unconfirmed.code, first.code, second.code), (2, 0, 0), "{}", second.err);
    assert!(unconfirmed.err.contains("pass --yes to confirm"), "{}", unconfirmed.err);
    for (ran, told) in [
        (&unexported, "2026-08 was never exported"),
        (&grown, "has 4 rows of 2026-08, and the newest export has 3"),
        (&current, "is not over"),
        (&again, "has no rows of 2026-08"),
    ] {
        assert_eq!(ran.code, 1, "{}", ran.err);
        assert!(ran.err.contains(told), "{told}: {}", ran.err);
    }
    assert_eq!((dropped.code, dropped.out.trim()), (0, "4 rows of 2026-08 are dropped"));
    // one row more says so
    assert_eq!(rows(&db, "select count(*) from tenantry.audit_log").await, before - 4 + 1);
    let audited = "select count(*) from tenantry.audit_log where action = 'audit.dropped'
        and actor like 'cli:%' and detail = '{\"month\": \"2026-08\", \"rows\": 4}'";
    assert_eq!(rows(&db, audited).await, 1);
}
