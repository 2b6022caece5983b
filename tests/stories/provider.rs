//! A provider's limits: no superuser, 25 connections, time-outs set for the role, extensions in a
//! schema of their own.

use std::time::Duration;

use harness::Db;
use localpg::{Cluster, Options};

use super::support::{System, environment, eventually, run, tenants};

/// How long a command may take.
const ENDS_IN: Duration = Duration::from_secs(90);

/// What a provider gives: a role that owns the database, and little more.
const PROVIDED: &str = "
    create role customer login createrole;
    alter database shop owner to customer;
    alter role customer set statement_timeout = '3s';
    alter role customer set idle_in_transaction_session_timeout = '5s';
    create schema extensions;
    create extension hstore schema extensions;
    create extension pgcrypto schema extensions;
    grant usage on schema extensions to customer";

/// API, worker and queue take 13 of the 22 connections that are not the superuser's.
const SMALL: &[(&str, &str)] = &[
    ("TENANTRY__DATABASE__MAX_CONNECTIONS", "4"),
    ("TENANTRY__WORKER__CONCURRENCY", "2"),
    ("TENANTRY__QUEUE__MAX_CONNECTIONS", "3"),
    ("TENANTRY__POOL__SIZE", "4"),
];

#[tokio::test]
async fn api_worker_doctor_and_migrate_work_within_a_providers_limits() {
    let dir = tempfile::Builder::new().prefix("tenantry-provider.").tempdir().unwrap();
    let extra = vec![("max_connections".to_owned(), "25".to_owned())];
    let options = Options { durable: false, extra, ..Options::new(dir.path().join("pg")) };
    let cluster = tokio::task::spawn_blocking(|| Cluster::start(options)).await.unwrap().unwrap();
    cluster.ensure_database("shop").unwrap();
    cluster.server().execute("shop", PROVIDED).unwrap();
    let root = cluster.url("shop");
    let url = root.replacen("postgres@", "customer@", 1);
    let env = environment(&url, SMALL);

    let up = run("tenantry", &["migrate", "public", "up"], dir.path(), &env, ENDS_IN).await;
    assert_eq!(up.code, Some(0), "{}\n{}", up.out, up.err);
    assert!(up.out.contains("mode own"), "{}", up.out);
    assert!(up.out.contains("only a superuser may revoke it"), "{}", up.out);
    let system = System::on(Db::at(&url), &url, 1, SMALL).await;
    eventually("the pool to be full", ENDS_IN, async || {
        (system.count("select count(*) from tenantry.spares").await == 4).then_some(())
    })
    .await;
    system.provision(tenants(30)).await;
    let fleet = system.cli(&["migrate", "tenant", "up", "--all"]).await;
    let again = system.cli(&["migrate", "public", "up"]).await;
    let doctor = system.cli(&["doctor", "--all-tenants"]).await;

    assert_eq!(fleet.code, Some(0), "{}\n{}", fleet.out, fleet.err);
    assert_eq!(again.code, Some(0), "{}\n{}", again.out, again.err);
    assert_eq!(doctor.code, Some(0), "{}\n{}", doctor.out, doctor.err);
    let elsewhere =
        "select count(*) from pg_extension e join pg_namespace n on n.oid = e.extnamespace
        where e.extname in ('hstore', 'pgcrypto') and n.nspname = 'extensions'";
    assert_eq!(system.count(elsewhere).await, 2);
    // The provider's superuser, once, acts as the owner, and closes what the owner could not.
    let root = environment(&root, SMALL);
    let closed = run("tenantry", &["migrate", "public", "up"], dir.path(), &root, ENDS_IN).await;
    let once_more = system.cli(&["migrate", "public", "up"]).await;
    assert_eq!(closed.code, Some(0), "{}\n{}", closed.out, closed.err);
    assert_eq!(once_more.code, Some(0), "{}\n{}", once_more.out, once_more.err);
    assert!(!once_more.out.contains("only a superuser may revoke it"), "{}", once_more.out);
    system.provision(tenants(36).split_off(30)).await;
    drop(system);
    tokio::task::spawn_blocking(move || cluster.stop()).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_refusal_names_all_that_a_provider_left_out_and_leaves_nothing_behind() {
    let dir = tempfile::Builder::new().prefix("tenantry-provider.").tempdir().unwrap();
    let options = Options { durable: false, ..Options::new(dir.path().join("pg")) };
    let cluster = tokio::task::spawn_blocking(|| Cluster::start(options)).await.unwrap().unwrap();
    cluster.ensure_database("shop").unwrap();
    let given = "create role customer login; create role dba; alter schema public owner to dba;
        grant create on database shop to customer";
    cluster.server().execute("shop", given).unwrap();
    let url = cluster.url("shop").replacen("postgres@", "customer@", 1);
    let env = environment(&url, &[]);
    let up = |args: &'static [&str]| run("tenantry", args, dir.path(), &env, ENDS_IN);

    let refused = up(&["migrate", "public", "up"]).await;

    assert_eq!(refused.code, Some(1), "{}", refused.out);
    for remedy in [
        "alter role customer createrole",
        "as postgres: revoke all on database shop from public",
        "as dba: revoke all on schema public from public",
        "--shared",
    ] {
        assert!(refused.err.contains(remedy), "{remedy}: {}", refused.err);
    }
    let schemas = "select nspname from pg_namespace where nspname in ('tenantry', 'apalis')";
    assert_eq!(cluster.server().execute("shop", schemas).unwrap(), [""; 0]);
    cluster.server().execute("shop", "alter role customer createrole").unwrap();
    let shared = up(&["migrate", "public", "up", "--shared"]).await;
    assert_eq!(shared.code, Some(0), "{}\n{}", shared.out, shared.err);
    let system = System::on(Db::at(&url), &url, 1, &[]).await;
    system.provision(tenants(4)).await;
    drop(system);
    tokio::task::spawn_blocking(move || cluster.stop()).await.unwrap().unwrap();
}
