//! A server with PostgreSQL's own defaults, as most are: just as fast, and nothing is compiled.

use std::time::{Duration, Instant};

use harness::Db;
use localpg::{Cluster, Options};
use serde_json::json;

use super::support::{System, environment, run, tell, tenant, tenants};

/// How long a command may take.
const ENDS_IN: Duration = Duration::from_secs(60);

/// Has the server log each plan with what was compiled for it. For this database alone: the server
/// stays as it is.
const LOG_PLANS: [&str; 3] = [
    "set session_preload_libraries = 'auto_explain'",
    "set auto_explain.log_min_duration = 0",
    "set auto_explain.log_analyze = on",
];

/// A line of the log that says that a query was compiled.
const COMPILED: &str = "JIT:";

#[tokio::test]
async fn a_server_with_its_own_defaults_compiles_none_of_our_queries() {
    let dir = tempfile::Builder::new().prefix("tenantry-untouched.").tempdir().unwrap();
    let options = Options { tuned: false, ..Options::new(dir.path().join("pg")) };
    let cluster = tokio::task::spawn_blocking(|| Cluster::start(options)).await.unwrap().unwrap();
    cluster.ensure_database("app").unwrap();
    let url = cluster.url("app");
    let execute = |sql: &str| cluster.server().execute("app", sql).unwrap();
    let compiles = execute("select pg_jit_available()") == ["t"];
    assert_eq!(execute("show jit"), ["on"], "the defaults are not PostgreSQL's");
    for setting in LOG_PLANS {
        execute(&format!("alter database app {setting}"));
    }
    let log = || std::fs::read_to_string(dir.path().join("pg/server.log")).unwrap();
    let env = environment(&url, &[]);
    let migrated = run("tenantry", &["migrate", "public", "up"], dir.path(), &env, ENDS_IN).await;
    assert_eq!(migrated.code, Some(0), "{}", migrated.err);
    let system = System::on(Db::at(&url), &url, 1, &[]).await;

    let began = Instant::now();
    let one = system.client.post("/api/v1/tenants", &tenant(500), &[("prefer", "wait=30")]).await;
    let one_took = began.elapsed();
    let began = Instant::now();
    let body = json!({ "tenants": tenants(20) });
    let many = system.client.post("/api/v1/tenants/batch", &body, &[("prefer", "wait=30")]).await;
    let many_took = began.elapsed();

    assert!(one.json(201)["api_key"].is_string(), "{}", one.text);
    assert_eq!(many.json(200)["summary"]["successful"], 20);
    tell(&format!("one tenant {one_took:?}, 20 tenants {many_took:?}"));
    assert!(log().contains("Query Text"), "no plan was logged");
    assert!(!log().contains(COMPILED), "a query was compiled");
    // The look finds what it looks for.
    execute("set jit_above_cost = 0; select count(*) from pg_class");
    assert_eq!(log().contains(COMPILED), compiles);
    drop(system);
    tokio::task::spawn_blocking(move || cluster.stop()).await.unwrap().unwrap();
}
