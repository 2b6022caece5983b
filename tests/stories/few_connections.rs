//! A server with few connections: processes say that theirs are too many, and a command that gets
//! none shows the server's words.

use std::time::{Duration, Instant};

use harness::Db;
use localpg::{Cluster, Options};
use sqlx::{Connection as _, PgConnection};

use super::support::{System, environment, eventually, run, tenants};

/// How long a command may take.
const ENDS_IN: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_server_of_few_connections_is_named_with_the_setting_and_the_servers_words() {
    let dir = tempfile::Builder::new().prefix("tenantry-few.").tempdir().unwrap();
    let extra = vec![("max_connections".to_owned(), "25".to_owned())];
    let options = Options { durable: false, extra, ..Options::new(dir.path().join("pg")) };
    let cluster = tokio::task::spawn_blocking(|| Cluster::start(options)).await.unwrap().unwrap();
    cluster.ensure_database("app").unwrap();
    let url = cluster.url("app");
    let env = environment(&url, &[]);
    let up = run("tenantry", &["migrate", "public", "up"], dir.path(), &env, ENDS_IN).await;
    assert_eq!(up.code, Some(0), "{}", up.err);
    let many = [("TENANTRY__DATABASE__MAX_CONNECTIONS", "40")];
    let mut system = System::on(Db::at(&url), &url, 1, &many).await;
    let wide = [("TENANTRY__WORKER__CONCURRENCY", "32")];
    let wide = system.add_worker(&wide).await;
    let told = eventually("the worker to count", ENDS_IN, async || {
        let log = wide.log();
        log.contains("may open").then_some(log)
    })
    .await;
    wide.terminate(ENDS_IN).await;

    system.provision(tenants(40)).await;
    let doctor = system.examine().await;
    let mut taken = Vec::new();
    while let Ok(conn) = PgConnection::connect(&url).await {
        taken.push(conn);
    }
    let began = Instant::now();
    let refused = system.cli(&["doctor"]).await;
    let took = began.elapsed();
    for conn in taken {
        conn.close().await.unwrap();
    }

    assert_eq!(doctor.code, Some(0), "{}{}", doctor.out, doctor.err);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("too many clients already"), "{}", refused.err);
    assert!(took < Duration::from_secs(4), "{took:?}");
    let api = system.api.log();
    assert!(api.contains("may open 40") && api.contains("database.max_connections = 40"), "{api}");
    assert!(told.contains("may open 37") && told.contains("worker.concurrency = 32"), "{told}");
    assert!(!system.workers[0].log().contains("may open"), "{}", system.workers[0].log());
    drop(system);
    tokio::task::spawn_blocking(move || cluster.stop()).await.unwrap().unwrap();
}
