//! `tenantry migrate lint` and `tenantry migrate tenant check`.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;

use std::fs;

use serde_json::Value;
use support::tenantry;
use tempfile::TempDir;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, sql) in files {
        fs::write(dir.path().join(name), sql).unwrap();
    }
    dir
}

#[test]
fn one_run_shows_one_mistake_of_each_kind_in_all_files() {
    let dir = folder(&[
        ("0001_a.sql", "create table a ();\ncommit;"),
        ("0002_b.sql", "set role x;\ncreate extension citext;\nselect * from public.a;"),
        ("0003_c.sql", "vacuum;\ncreate temp table t ();\ncopy a from stdin;"),
        ("0003_d.sql", "select 'open"),
        ("0004_e.SQL", "select 1;"),
        ("person.sql", "select 1;"),
        (
            "0005_f.sql",
            "create function f() returns int language sql security definer as 'select 1';",
        ),
        ("0006_g.sql", "select 1;\n-- rambler down\nselect 2;"),
    ]);

    let args = ["migrate", "lint", dir.path().to_str().unwrap(), "--json"];
    let ran = tenantry(dir.path(), &args, &[]);
    let text = tenantry(dir.path(), &args[..3], &[]);

    assert_eq!((ran.code, text.code), (1, 1), "{}{}", ran.out, ran.err);
    let told: Value = serde_json::from_str(&ran.out).unwrap();
    let mut codes: Vec<&str> =
        told["findings"].as_array().unwrap().iter().map(|f| f["code"].as_str().unwrap()).collect();
    codes.sort_unstable();
    assert_eq!(
        codes,
        [
            "bad_name",
            "copy",
            "duplicate_version",
            "foreign_schema",
            "foreign_section",
            "needs_no_transaction",
            "not_taken",
            "security_definer_path",
            "session_state",
            "shared_object",
            "temporary_table",
            "transaction_control",
            "unreadable",
        ]
    );
    assert!(text.out.contains("0002_b.sql:3: names schema public"), "{}", text.out);
    assert!(text.out.contains("13 findings"), "{}", text.out);
}

#[test]
fn a_sound_folder_has_no_findings() {
    let dir = folder(&[("0001_a.sql", "create table a ();")]);

    let ran = tenantry(dir.path(), &["migrate", "lint", dir.path().to_str().unwrap()], &[]);

    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("no findings"), "{}", ran.out);
}

#[test]
fn without_a_folder_both_of_the_settings_are_read_and_what_one_needs_of_the_other() {
    let tenants = folder(&[("1_a.sql", "-- needs shared: 7\ncreate table a ();")]);
    let shared = folder(&[("1_plan.sql", "create table plan ();"), ("2_bad.sql", "commit;")]);
    let path = |dir: &TempDir| dir.path().to_str().unwrap().to_owned();
    let (tenant_dir, shared_dir) = (path(&tenants), path(&shared));
    let env =
        [("TENANT_MIGRATIONS_DIR", &*tenant_dir), ("SHARED_MIGRATIONS_DIR", shared_dir.as_str())];
    let codes = || {
        let ran = tenantry(tenants.path(), &["migrate", "lint", "--json"], &env);
        let told: Value = serde_json::from_str(&ran.out).unwrap();
        let found = told["findings"].as_array().unwrap().clone();
        found.iter().map(|it| it["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };

    let of_shared = codes();
    fs::write(shared.path().join("2_bad.sql"), "select 1;").unwrap();
    let between = codes();

    assert_eq!(of_shared, ["transaction_control"]);
    assert_eq!(between, ["unknown_shared"]);
    fs::write(shared.path().join("7_needed.sql"), "select 1;").unwrap();
    assert_eq!(codes(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn check_applies_to_an_empty_schema_and_leaves_nothing() {
    let db = harness::fresh_db().await;
    let good = folder(&[("0001_a.sql", "create table a (id int);")]);
    let bad = folder(&[
        ("0001_a.sql", "create table a (id int);"),
        ("0002_b.sql", "\nselect id from gone;"),
    ]);
    let run = |dir: &TempDir| {
        let folder = dir.path().to_str().unwrap();
        let env = [("DATABASE_URL", db.url.as_str()), ("TENANT_MIGRATIONS_DIR", folder)];
        tenantry(dir.path(), &["migrate", "tenant", "check"], &env)
    };

    let (good, bad) = (run(&good), run(&bad));

    assert_eq!((good.code, bad.code), (0, 1), "{}{}", good.err, bad.err);
    assert!(bad.out.contains("(0002_b.sql, line 2) failed"), "{}", bad.out);
    assert!(bad.out.contains("\"gone\" does not exist"), "{}", bad.out);
    assert!(!bad.out.contains(" at line "), "no line of the server's source: {}", bad.out);
    let left: i64 =
        sqlx::query_scalar("select count(*) from pg_namespace where nspname like 'tn_promise%'")
            .fetch_one(&db.pool)
            .await
            .unwrap();
    assert_eq!(left, 0);
}
