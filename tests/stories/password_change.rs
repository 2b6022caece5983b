//! A password that is changed under running processes costs time and no restart.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use harness::Db;
use localpg::{Cluster, Options};

use super::support::{Client, System, environment, eventually, run, tenant, tenants};

/// Looks at the files come every 5 s.
const NOTICED_IN: Duration = Duration::from_secs(60);

/// How an error line of a process begins to say it.
const REFUSED: &str = "refused the user or its password";

struct Files {
    url: PathBuf,
    passwords: PathBuf,
    port: u16,
}

impl Files {
    fn write(&self, password: &str) {
        let port = self.port;
        let url = format!("postgres://app:{password}@127.0.0.1:{port}/app\n");
        write_private(&self.url, &url);
        write_private(&self.passwords, &format!("127.0.0.1:{port}:app:app:{password}\n"));
    }
}

fn write_private(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn errors(log: &str) -> usize {
    log.lines().filter(|line| line.contains("ERROR") && line.contains(REFUSED)).count()
}

#[tokio::test]
async fn a_changed_password_is_an_outage_told_once_and_over_when_the_file_has_it() {
    let dir = tempfile::Builder::new().prefix("tenantry-password.").tempdir().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let options =
        Options { durable: false, port: Some(free), ..Options::new(dir.path().join("pg")) };
    let cluster = tokio::task::spawn_blocking(|| Cluster::start(options)).await.unwrap().unwrap();
    let execute = |sql: &str| cluster.server().execute("postgres", sql).unwrap();
    execute("create role app login createrole password 'one'");
    execute("create database app owner app");
    let (url, passwords) = (dir.path().join("url"), dir.path().join("passwords"));
    let files = Files { url, passwords, port: free };
    files.write("one");
    let by_file = [("DATABASE_URL_FILE", files.url.to_str().unwrap())];
    let env = environment("", &by_file);
    let up = run("tenantry", &["migrate", "public", "up"], dir.path(), &env, NOTICED_IN).await;
    assert_eq!(up.code, Some(0), "{}", up.err);
    let mut system = System::on(Db::at(&cluster.url("app")), "", 0, &by_file).await;
    let without = format!("postgres://app@127.0.0.1:{free}/app");
    let passwords = files.passwords.to_str().unwrap();
    let by_pgpass =
        [("DATABASE_URL_FILE", ""), ("DATABASE_URL", &*without), ("PGPASSFILE", passwords)];
    system.add_worker(&by_pgpass).await;
    system.provision(tenants(3)).await;

    execute("alter role app password 'two'");
    execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'");
    let health = Client::anonymous(&system.workers[0].url);
    eventually("the API to be unready", NOTICED_IN, async || {
        let answer = system.client.get("/readyz").await;
        (answer.status == 503).then(|| {
            assert_eq!(answer.problem(503), "database_unavailable");
            assert!(answer.header("retry-after").is_some());
        })
    })
    .await;
    eventually("the API to say why", NOTICED_IN, async || {
        (errors(&system.api.log()) > 0).then_some(())
    })
    .await;
    eventually("the worker to be unready", NOTICED_IN, async || {
        let answer = health.get("/readyz").await;
        (answer.status == 503 && answer.text.contains("password")).then_some(())
    })
    .await;
    eventually("the worker to say why", NOTICED_IN, async || {
        system.workers[0].log().contains("password").then_some(())
    })
    .await;
    files.write("two");
    eventually("the API to be ready again", NOTICED_IN, async || {
        (system.client.get("/readyz").await.status == 200).then_some(())
    })
    .await;
    let after = system.provision(vec![tenant(7), tenant(8)]).await;

    assert_eq!(after.len(), 2);
    assert_eq!(errors(&system.api.log()), 1, "{}", system.api.log());
    assert!(system.api.has_ended().is_none() && system.workers[0].has_ended().is_none());
    drop(system);
    tokio::task::spawn_blocking(move || cluster.stop()).await.unwrap().unwrap();
}
