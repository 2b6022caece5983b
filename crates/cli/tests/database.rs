//! The commands that work straight on the database.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;

use harness::Db;
use serde_json::Value;
use support::{Ran, is_plain, tenantry};

fn run(db: &Db, args: &[&str]) -> Ran {
    let dir = tempfile::tempdir().unwrap();
    tenantry(dir.path(), args, &[("DATABASE_URL", &db.url)])
}

async fn count(db: &Db, question: &'static str) -> i64 {
    sqlx::query_scalar(question).fetch_one(&db.pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_shown_once_stored_as_a_hash_and_audited() {
    let db = harness::fresh_db().await;

    let made = run(&db, &["token", "create", "--name", "ci", "--role", "viewer"]);
    let listed = run(&db, &["token", "list"]);

    assert_eq!(made.code, 0, "{}", made.err);
    let token = made.out.trim();
    assert!(token.starts_with("tto_"), "{token}");
    assert!(listed.out.contains("ci") && !listed.out.contains(token), "{}", listed.out);
    let mut conn = db.pool.acquire().await.unwrap();
    let hash = keys::hash_operator_token(token);
    let found =
        store::operators::authenticate(&mut conn, &[hash]).await.unwrap().remove(&hash).unwrap();
    assert_eq!(found.role, domain::Role::Viewer);
    let audited = "select count(*) from tenantry.audit_log
        where action = 'token.created' and actor like 'cli:%' and detail::text not like '%tto_%'";
    assert_eq!(count(&db, audited).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_is_gone_and_its_name_is_free() {
    let db = harness::fresh_db().await;
    let first = run(&db, &["token", "create", "--name", "ci"]);

    let taken = run(&db, &["token", "create", "--name", "ci"]);
    let revoked = run(&db, &["token", "revoke", "ci"]);
    let again = run(&db, &["token", "revoke", "ci"]);
    let second = run(&db, &["token", "create", "--name", "ci", "--json"]);

    assert_eq!((taken.code, revoked.code, again.code), (1, 0, 1), "{}", taken.err);
    assert!(taken.err.contains("the name `ci` exists"), "{}", taken.err);
    let told: Value = serde_json::from_str(&second.out).unwrap();
    assert!(told["token"].as_str().unwrap().starts_with("tto_"));
    let mut conn = db.pool.acquire().await.unwrap();
    let hash = keys::hash_operator_token(first.out.trim());
    assert!(store::operators::authenticate(&mut conn, &[hash]).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_act_on_the_database_leaves_one_audit_row_of_who_did_what() {
    let db = harness::fresh_db().await;
    sqlx::query(
        "insert into tenantry.tenants (name, domain, schema_name, role_name)
         select 'x', 'x.example', 'x', 'tn_' || id || '_1' from tenantry.installation",
    )
    .execute(&db.pool)
    .await
    .unwrap();

    for (act, action) in [
        ("token create --name ci", "token.created"),
        ("token revoke ci", "token.revoked"),
        ("doctor --fix pending_without_item", "tenant.released"),
        ("migrate public down --yes", "schema.reverted"),
        ("migrate public up", "schema.migrated"),
    ] {
        let before = count(&db, "select count(*) from tenantry.audit_log").await;

        let ran = run(&db, &act.split(' ').collect::<Vec<_>>());

        assert_eq!(ran.code, 0, "{act}: {}{}", ran.out, ran.err);
        let rows: Vec<(String, String)> = sqlx::query_as(
            "select split_part(actor, ':', 1), action from tenantry.audit_log
             order by id offset $1",
        )
        .bind(before)
        .fetch_all(&db.pool)
        .await
        .unwrap();
        assert_eq!(rows, [("cli".to_owned(), action.to_owned())], "{act}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn migrates_an_empty_database_and_says_so() {
    let db = harness::empty_db().await;

    let before = run(&db, &["migrate", "public", "status"]);
    let token = run(&db, &["token", "list"]);
    let up = run(&db, &["migrate", "public", "up"]);
    let after = run(&db, &["migrate", "public", "status", "--json"]);
    let twice = run(&db, &["migrate", "public", "up"]);
    let down = run(&db, &["migrate", "public", "down", "--yes", "--json"]);

    assert_eq!((before.code, up.code, after.code, twice.code), (1, 0, 0, 0), "{}", up.err);
    assert!(before.out.contains("pending"), "{}", before.out);
    assert!(token.err.contains("tenantry migrate public up"), "{}", token.err);
    let told: Value = serde_json::from_str(&after.out).unwrap();
    assert_eq!((&told["current"], &told["queue"]), (&Value::Bool(true), &Value::Bool(true)));
    assert!(is_plain(&up.out), "{:?}", up.out);
    let newest = told["migrations"].as_array().unwrap().last().unwrap();
    let reverted: Value = serde_json::from_str(&down.out).unwrap();
    assert_eq!(reverted["reverted"], newest["version"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_lacks_rights_is_told_all_of_them_and_nothing_is_made() {
    let db = harness::empty_db().await;
    let name: String =
        sqlx::query_scalar("select current_database()::text").fetch_one(&db.pool).await.unwrap();
    let weak = format!("weak_in_{name}");
    let make = "do $$ begin
        execute format('create role %I login', 'weak_in_' || current_database()); end $$";
    sqlx::raw_sql(make).execute(&db.pool).await.unwrap();
    let url = db.url.replacen("postgres@", &format!("{weak}@"), 1);
    let dir = tempfile::tempdir().unwrap();

    let refused = tenantry(dir.path(), &["migrate", "public", "up"], &[("DATABASE_URL", &url)]);

    assert_eq!(refused.code, 1, "{}", refused.out);
    for remedy in
        [format!("alter role {weak} createrole"), format!("grant create on database {name}")]
    {
        assert!(refused.err.contains(&remedy), "{}", refused.err);
    }
    assert!(refused.err.contains("`--shared` leaves PUBLIC its rights"), "{}", refused.err);
    let made = "select count(*) from pg_namespace where nspname in ('tenantry', 'apalis')";
    assert_eq!(count(&db, made).await, 0);
    let drop =
        "do $$ begin execute format('drop role %I', 'weak_in_' || current_database()); end $$";
    sqlx::raw_sql(drop).execute(&db.pool).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_that_does_not_fit_the_database_is_refused_without_advice_on_public() {
    let db = harness::fresh_db().await;
    let dir = tempfile::tempdir().unwrap();
    let env = [("DATABASE_URL", db.url.as_str()), ("TENANTRY__TENANTS__SHARED_TABLES", "ref.cur")];

    let refused = tenantry(dir.path(), &["migrate", "public", "up"], &env);

    assert_eq!(refused.code, 1, "{}", refused.out);
    assert!(refused.err.contains("ref.cur"), "{}", refused.err);
    assert!(
        refused.err.contains("Tenantry cannot be set up in this database as the settings say"),
        "{}",
        refused.err
    );
    assert!(!refused.err.contains("--shared"), "{}", refused.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mode_is_kept_until_another_is_asked_for() {
    let db = harness::empty_db().await;
    let mode = |args: &[&str]| {
        let args = [&["migrate", "public", "up", "--json"], args].concat();
        let up = run(&db, &args);
        assert_eq!(up.code, 0, "{}", up.err);
        serde_json::from_str::<Value>(&up.out).unwrap()["mode"].clone()
    };

    assert_eq!(mode(&["--shared"]), "shared");
    assert_eq!(mode(&[]), "shared");
    let both = run(&db, &["migrate", "public", "up", "--shared", "--revoke-public"]);
    assert_eq!(both.code, 2, "{}", both.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_loads_the_profile_that_the_servers_load() {
    let db = harness::fresh_db().await;
    let config = tempfile::tempdir().unwrap();
    let migrations = config.path().join("own");
    std::fs::create_dir(&migrations).unwrap();
    std::fs::write(migrations.join("0007_own.sql"), "create table own (n int);").unwrap();
    let text = format!("[tenants]\nmigrations_dir = {migrations:?}\n");
    std::fs::write(config.path().join("production.toml"), text).unwrap();
    let run = |args: &[&str]| {
        let dir = tempfile::tempdir().unwrap();
        let folder = config.path().to_str().unwrap();
        let env = [("DATABASE_URL", db.url.as_str()), ("TENANTRY_CONFIG_DIR", folder)];
        tenantry(dir.path(), args, &env)
    };

    let checked = run(&["config", "check"]);
    let status = run(&["migrate", "tenant", "status", "--all", "--json"]);

    assert_eq!((checked.code, status.code), (0, 0), "{} {}", checked.err, status.err);
    let told: Value = serde_json::from_str(&status.out).unwrap();
    assert_eq!(told["newest"], "0007");
    assert!(checked.out.contains("own") && checked.err.contains("profile production"));
    assert!(status.err.contains("profile production") && status.err.contains("version 0007"));
    // One function loads the settings of all of them; `dev` and `demo` name their own profile.
    let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/src/commands");
    for file in walk(std::path::Path::new(sources)) {
        let text = std::fs::read_to_string(&file).unwrap();
        let own = ["dev.rs", "mod.rs", "config_check.rs"].iter().any(|name| file.ends_with(name));
        assert!(own || !text.contains("Profile::"), "{}", file.display());
    }
}

fn walk(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn a_database_that_is_away_is_told_at_once_and_by_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let began = std::time::Instant::now();

    let away = tenantry(
        dir.path(),
        &["token", "list"],
        &[("DATABASE_URL", "postgres://u:secret@127.0.0.1:1/x")],
    );
    let odd = tenantry(
        dir.path(),
        &["doctor"],
        &[("DATABASE_URL", "postgres://u:p@ss.invalid/w@127.0.0.1/x")],
    );

    assert_eq!(away.code, 1);
    assert!(away.err.contains("connection refused at 127.0.0.1:1"), "{}", away.err);
    assert!(odd.err.contains("`ss.invalid`") && odd.err.contains("%40"), "{}", odd.err);
    assert!(!away.err.contains("secret") && began.elapsed().as_secs() < 8, "{}", away.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preferred_tls_that_fails_is_done_without_and_told_a_required_one_is_not() {
    let db = harness::fresh_db().await;
    let url = support::broken_tls::before(&db).await;
    let run = |mode: &str| {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("{url}{mode}");
        tenantry(dir.path(), &["token", "list"], &[("DATABASE_URL", &url)])
    };

    let preferred = run("");
    let required = run("?sslmode=require");
    let without = run("?sslmode=disable");

    assert_eq!((preferred.code, required.code, without.code), (0, 1, 0), "{preferred:?}");
    assert!(preferred.err.contains("not encrypted, because TLS failed"), "{}", preferred.err);
    assert!(!without.err.contains("TLS"), "{}", without.err);
}
