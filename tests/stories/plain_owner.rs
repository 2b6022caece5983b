//! The database's user is no superuser, as anywhere but on one's own server.

use std::time::Duration;

use harness::Db;
use serde_json::json;

use super::support::{
    Environment, Process, System, environment, eventually, installation, orphans, run, tell,
    tenant, tenants,
};

/// How long a command may take.
const ENDS_IN: Duration = Duration::from_secs(90);

/// Roles that the database's owner is a member of.
const MEMBERSHIPS: &str = "select count(*) from pg_auth_members m
    join pg_database d on d.datdba = m.member where d.datname = current_database()";

pub(super) async fn execute(db: &Db, sql: String) {
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&db.pool).await.unwrap();
}

/// A database that `tenantry migrate` prepared for its owner, and where he reaches it.
pub(super) async fn owned_database() -> (Db, String) {
    let db = harness::empty_db().await;
    let name: String =
        sqlx::query_scalar("select current_database()::text").fetch_one(&db.pool).await.unwrap();
    let first = format!("owner_of_{name}");
    execute(&db, format!("create role {first} login createrole")).await;
    execute(&db, format!("alter database \"{name}\" owner to {first}")).await;
    let dir = tempfile::tempdir().unwrap();
    let env = environment(&url_of(&db, &first), &[]);
    let migrated = run("tenantry", &["migrate", "public", "up"], dir.path(), &env, ENDS_IN).await;
    assert_eq!(migrated.code, Some(0), "{}\n{}", migrated.out, migrated.err);
    // a name that is cleaned up with the database
    let owner = format!("tn_{}_owner", installation(&db.pool).await);
    execute(&db, format!("alter role {first} rename to {owner}")).await;
    let url = url_of(&db, &owner);
    (db, url)
}

pub(super) fn url_of(db: &Db, user: &str) -> String {
    let mut url = reqwest::Url::parse(&db.url).unwrap();
    url.set_username(user).unwrap();
    url.into()
}

#[tokio::test]
async fn the_databases_owner_provisions_adopts_undoes_and_is_a_member_of_few() {
    let (db, url) = owned_database().await;
    let settings = [("TENANTRY__POOL__SIZE", "6"), ("TENANTRY__WORKER__SWEEP_MS", "300")];
    let mut system = System::on(db, &url, 1, &settings).await;
    eventually("the pool to be full", ENDS_IN, async || {
        (system.count("select count(*) from tenantry.spares").await == 6).then_some(())
    })
    .await;
    execute(&system.db, "create schema stranger".to_owned()).await;
    let mut items = tenants(320);
    items[7]["schema_name"] = json!("stranger");

    let batch = system.submit(items).await;
    let over = system.finished(&batch).await;
    let atomic = json!({ "tenants": [tenant(900), { "tenant_name": "x", "domain": "x.example.com",
        "schema_name": "stranger" }], "mode": "atomic" });
    let answer = system.client.post("/api/v1/tenants/batch", &atomic, &[]).await;
    let atomic = answer.json(202)["batch_id"].as_str().unwrap().to_owned();
    let undone = system.finished(&atomic).await;

    assert_eq!(over["progress"]["succeeded"], 319, "{over}");
    assert_eq!(undone["state"], "rolled_back", "{undone}");
    let adopted = system
        .count("select count(*) from tenantry.checkpoints where steps @> '[{\"name\": \"take_spare\"}]'")
        .await;
    assert!(adopted > 0, "nobody got a spare");
    let memberships = system.count(MEMBERSHIPS).await;
    assert!(memberships <= 8, "the owner is a member of {memberships} roles");
    tell(&format!("the owner of 319 tenants is a member of {memberships} roles"));
    system.workers[0].terminate(ENDS_IN).await;
    execute(&system.db, "drop schema stranger".to_owned()).await;
    assert_eq!(orphans(&system.db.pool).await, Vec::<String>::new());
    let doctor = system.examine().await;
    assert_eq!(doctor.code, Some(0), "{}\n{}", doctor.out, doctor.err);
}

#[tokio::test]
async fn the_demo_runs_on_a_database_of_ones_own() {
    let (db, url) = owned_database().await;
    let dir = tempfile::tempdir().unwrap();
    let env: Environment = [("DATABASE_URL".to_owned(), url)].into();

    let demo = run("tenantry", &["demo", "--tenants", "8"], dir.path(), &env, ENDS_IN).await;

    assert_eq!(demo.code, Some(0), "{}\n{}", demo.out, demo.err);
    assert!(demo.out.contains("permission denied for schema"), "{}", demo.out);
    assert_eq!(orphans(&db.pool).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_worker_whose_user_lacks_a_right_names_it_and_takes_no_work() {
    let (db, url) = owned_database().await;
    let owner = format!("tn_{}_owner", installation(&db.pool).await);
    execute(&db, format!("alter role {owner} nocreaterole")).await;
    let dir = tempfile::tempdir().unwrap();
    let env = environment(&url, &[]);

    let mut worker =
        Process::spawn("tenantry-worker", &["--port", "0"], "worker", dir.path(), &env);
    let ended = worker.end(ENDS_IN).await;

    assert!(!ended.success());
    let remedy = format!("alter role {owner} createrole");
    assert!(worker.log().contains(&remedy), "{}", worker.log());
}
