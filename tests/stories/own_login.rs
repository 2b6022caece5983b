//! A tenant's own login: made by one command, shown once, good for its own schema alone.

use std::net::TcpListener;

use harness::Db;
use localpg::{Cluster, Options};
use sqlx::{Connection as _, PgConnection};

use super::support::{System, environment, run, tenants};

/// How long a command may take.
const ENDS_IN: std::time::Duration = std::time::Duration::from_secs(60);

async fn connect(url: &str) -> sqlx::Result<PgConnection> {
    PgConnection::connect(url).await
}

fn code(error: &sqlx::Error) -> String {
    error.as_database_error().unwrap().code().unwrap().into_owned()
}

#[tokio::test]
async fn a_tenants_own_login_is_shown_once_and_opens_its_own_schema_alone() {
    let dir = tempfile::Builder::new().prefix("tenantry-login.").tempdir().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let options =
        Options { durable: false, port: Some(free), ..Options::new(dir.path().join("pg")) };
    let cluster = tokio::task::spawn_blocking(|| Cluster::start(options)).await.unwrap().unwrap();
    let execute = |sql: &str| cluster.server().execute("postgres", sql).unwrap();
    execute("create role boss superuser login password 'b'");
    execute("create database app owner boss");
    let url = format!("postgres://boss:b@127.0.0.1:{free}/app");
    let env = environment(&url, &[]);
    let up = run("tenantry", &["migrate", "public", "up"], dir.path(), &env, ENDS_IN).await;
    assert_eq!(up.code, Some(0), "{}", up.err);
    let system = System::on(Db::at(&cluster.url("app")), &url, 1, &[]).await;
    system.provision(tenants(2)).await;
    let login = async |tenant: &str, args: &[&str]| {
        let args = [&["tenant", "connect", tenant, "--json"], args].concat();
        system.cli(&args).await
    };
    let domain: String = sqlx::query_scalar("select domain from tenantry.tenants where id = 1")
        .fetch_one(&system.db.pool)
        .await
        .unwrap();

    let first = login("1", &[]).await;
    let again = login(&domain, &[]).await;
    let first = first.json();
    let mut tenant = connect(first["database_url"].as_str().unwrap()).await.unwrap();
    let own: i64 =
        sqlx::query_scalar("select count(*) from person").fetch_one(&mut tenant).await.unwrap();
    let neighbours = sqlx::query("select from tenant_tenant_1_2.person").execute(&mut tenant).await;
    let user: String =
        sqlx::query_scalar("select current_user::text").fetch_one(&mut tenant).await.unwrap();
    let newer = login("tenant_tenant_0_1", &["--new"]).await.json();
    let old = connect(first["database_url"].as_str().unwrap()).await.unwrap_err();
    connect(newer["database_url"].as_str().unwrap()).await.unwrap();

    assert_eq!((own, &user), (0, &first["role"].as_str().unwrap().to_owned()));
    assert_eq!(code(&neighbours.unwrap_err()), "42501");
    assert!(again.code == Some(1) && again.err.contains("--new"), "{}", again.err);
    assert_eq!(code(&old), "28P01");
    let verifiers = "select count(*) from pg_authid where rolpassword like 'SCRAM-SHA-256$4096:%'
                     and rolname like 'tn\\_%'";
    assert_eq!(system.count(verifiers).await, 1);
    let acts = "select count(*) from tenantry.audit_log where action = 'tenant.login_issued'
                and tenant_id = 1";
    assert_eq!(system.count(acts).await, 2);
    let doctor = system.cli(&["doctor", "--grace", "0"]).await;
    assert!(!doctor.out.contains("role_with_password"), "{}", doctor.out);
    let gone = system.cli(&["tenant", "connect", "77"]).await;
    assert!(gone.code == Some(1) && gone.err.contains("no tenant has `77`"), "{}", gone.err);
}
