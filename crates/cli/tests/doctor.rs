//! `tenantry doctor` as people and programs meet it.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;

use harness::Db;
use serde_json::Value;
use support::{Ran, is_plain, tenantry};

fn doctor(db: &Db, args: &[&str]) -> Ran {
    let dir = tempfile::tempdir().unwrap();
    let all: Vec<&str> = ["doctor"].iter().chain(args).copied().collect();
    tenantry(dir.path(), &all, &[("DATABASE_URL", &db.url)])
}

/// Names reserved two hours ago, for nobody.
async fn reserve(db: &Db) {
    sqlx::query(
        "insert into tenantry.tenants (name, domain, schema_name, role_name)
         select 'x', 'x.example', 'x', 'tn_' || id || '_1' from tenantry.installation",
    )
    .execute(&db.pool)
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_system_is_told_so_with_exit_code_0() {
    let db = harness::fresh_db().await;

    let people = doctor(&db, &[]);
    let programs = doctor(&db, &["--json", "--all-tenants"]);

    assert_eq!((people.code, programs.code), (0, 0), "{}{}", people.err, programs.err);
    assert!(people.out.contains("nothing is wrong") && is_plain(&people.out), "{}", people.out);
    let told: Value = serde_json::from_str(&programs.out).unwrap();
    assert_eq!((&told["ok"], &told["checked"]["tenants"]), (&Value::Bool(true), &0.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_is_told_with_exit_code_1_and_repaired_only_when_named() {
    let db = harness::fresh_db().await;
    reserve(&db).await;

    let people = doctor(&db, &[]);
    let programs = doctor(&db, &["--json"]);
    let other = doctor(&db, &["--fix", "schema_without_tenant"]);
    let fixed = doctor(&db, &["--fix", "pending_without_item", "--json"]);

    assert_eq!((people.code, programs.code, other.code, fixed.code), (1, 1, 1, 0), "{}", fixed.err);
    assert!(people.out.contains("--fix pending_without_item"), "{}", people.out);
    let told: Value = serde_json::from_str(&programs.out).unwrap();
    assert_eq!(told["found"]["pending_without_item"], 1);
    assert_eq!(told["findings"][0]["subject"], serde_json::json!({ "type": "tenant", "id": 1 }));
    let told: Value = serde_json::from_str(&fixed.out).unwrap();
    assert_eq!(told["fixed"][0]["done"].as_array().unwrap().len(), 1);
    let audited = "select count(*) from tenantry.audit_log
        where action = 'tenant.released' and actor like 'cli:%' and tenant_id = 1";
    let audited: i64 = sqlx::query_scalar(audited).fetch_one(&db.pool).await.unwrap();
    assert_eq!(audited, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_repair_is_wrong_usage_and_what_has_one_is_listed() {
    let db = harness::fresh_db().await;

    let unknown = doctor(&db, &["--fix", "wrong_mark"]);
    let help = doctor(&db, &["--help"]);

    assert_eq!((unknown.code, help.code), (2, 0));
    assert!(unknown.err.contains("item_without_job"), "{}", unknown.err);
    assert!(help.out.contains("drop the schema with all that is in it"), "{}", help.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_tenantry_is_told_what_to_do() {
    let db = harness::empty_db().await;

    let ran = doctor(&db, &[]);

    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("tenantry migrate public up"), "{}", ran.err);
}
