//! One command shows it all, another runs it all, and both clean up.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::sys::signal::Signal;
use serde_json::Value;
use sqlx::Connection as _;
use tempfile::TempDir;

use super::support::{Client, Environment, Process, eventually, run, tenant};

/// A cluster is made and started, and all of it stopped again, on a busy machine.
const TAKES: Duration = Duration::from_secs(120);

/// Others must pass through it: as root, PostgreSQL runs as another user.
pub(super) fn open_dir() -> TempDir {
    let rights = fs::Permissions::from_mode(0o755);
    tempfile::Builder::new().permissions(rights).tempdir_in("/tmp").unwrap()
}

/// Process ids of the servers whose data lies below `dir`.
fn servers_below(dir: &Path) -> Vec<i32> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.file_name().is_some_and(|name| name == "postmaster.pid") {
            let text = fs::read_to_string(&path).unwrap();
            found.push(text.lines().next().unwrap().parse().unwrap());
        } else if entry.file_type().unwrap().is_dir() {
            found.extend(servers_below(&path));
        }
    }
    found
}

fn runs(pid: i32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

#[tokio::test]
async fn the_demo_provisions_shows_a_table_and_leaves_nothing() {
    let dir = open_dir();

    let ready = dir.path().join("ready.json");
    let args = ["demo", "--tenants", "20", "--ready-file", ready.to_str().unwrap()];
    let demo = run("tenantry", &args, dir.path(), &Environment::new(), TAKES).await;

    assert_eq!(demo.code, Some(0), "{}\n{}", demo.out, demo.err);
    let all = format!("{}{}", demo.out, demo.err);
    assert!(all.contains("tenants/s"), "{all}");
    assert!(demo.out.contains("/tenants/batch with 20 tenants"), "{}", demo.out);
    assert!(demo.out.contains("\n20 succeeded in "), "{}", demo.out);
    assert!(demo.out.lines().filter(|line| line.contains("tenant_")).count() >= 5, "{}", demo.out);
    assert!(!all.contains('\u{1b}'), "no escape sequences where nobody sees them: {all}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "it left something behind");
    let ready: Value = serde_json::from_str(&fs::read_to_string(ready).unwrap()).unwrap();
    let database = ready["database_url"].as_str().unwrap();
    assert!(sqlx::PgConnection::connect(database).await.is_err(), "its PostgreSQL still runs");
    let api = ready["url"].as_str().unwrap().strip_prefix("http://").unwrap();
    assert!(std::net::TcpStream::connect(api).is_err(), "its API still runs");
}

#[tokio::test]
async fn a_demo_with_bad_tenants_says_so_with_its_exit_code() {
    let dir = open_dir();

    let args = ["demo", "--tenants", "5", "--with-errors"];
    let demo = run("tenantry", &args, dir.path(), &Environment::new(), TAKES).await;

    assert_eq!(demo.code, Some(1), "{}\n{}", demo.out, demo.err);
    assert!(format!("{}{}", demo.out, demo.err).contains("duplicate_in_batch"), "{}", demo.out);
}

#[tokio::test]
async fn ctrl_c_stops_the_demo_at_once_and_leaves_nothing() {
    let dir = open_dir();
    let ready = dir.path().join("ready.json");
    let args = ["demo", "--tenants", "5000", "--ready-file", ready.to_str().unwrap()];
    let mut demo = Process::spawn("tenantry", &args, "demo", dir.path(), &Environment::new());
    let database = demo.until_ready(&ready).await["database_url"].clone();

    demo.signal(Signal::SIGINT);
    let ended = demo.end(TAKES).await;

    let log = demo.log();
    assert_eq!(ended.code(), Some(130), "{log}");
    assert!(log.contains("stopped; nothing is left"), "{log}");
    assert!(!log.contains("logged last") && !log.contains("error:"), "{log}");
    assert!(sqlx::PgConnection::connect(database.as_str().unwrap()).await.is_err());
}

pub(super) struct Dev {
    process: Process,
    ready: Value,
    pub(super) dir: TempDir,
}

pub(super) async fn dev(workers: &str) -> Dev {
    let dir = open_dir();
    let file = dir.path().join("ready.json");
    let data = dir.path().join("data");
    let args = [
        "dev",
        "--workers",
        workers,
        "--port",
        "0",
        "--ready-file",
        file.to_str().unwrap(),
        "--data-dir",
        data.to_str().unwrap(),
    ];
    let mut process = Process::spawn("tenantry", &args, "dev", dir.path(), &Environment::new());
    let ready = process.until_ready(&file).await;
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "the file has a token in it");
    Dev { process, ready, dir }
}

impl Dev {
    pub(super) fn client(&self) -> Client {
        Client::anonymous(self.text("url")).with_token(self.text("token"))
    }

    pub(super) fn text(&self, field: &str) -> &str {
        self.ready[field].as_str().unwrap()
    }

    async fn submit(&self, file: &Path, more: &[&str]) -> super::support::Ran {
        let global = ["--url", self.text("url"), "--token", self.text("token")];
        let args = [&["submit", file.to_str().unwrap()], &global[..], more].concat();
        run("tenantry", &args, self.dir.path(), &Environment::new(), TAKES).await
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

#[tokio::test]
async fn dev_serves_files_of_every_kind_and_takes_its_postgresql_along() {
    let mut dev = dev("1").await;
    let servers = servers_below(&dev.dir.path().join("data"));
    let json = dev.file("a.json", &format!("{{\"tenants\": [{}, {}]}}", tenant(1), tenant(2)));
    let ndjson = dev.file("b.ndjson", &format!("{}\n{}\n", tenant(3), tenant(4)));
    let csv = dev.file(
        "c.csv",
        "tenant_name,domain,settings.limits.users\n\
        Five,t5.example.com,7\nSix,t6.example.com,\n",
    );
    let bad = dev.file("d.csv", "tenant_name,domain\nBad,localhost\n");

    for (file, how) in [(&json, "--watch"), (&ndjson, "--watch"), (&csv, "--wait=60")] {
        let ran = dev.submit(file, &[how]).await;
        assert_eq!(ran.code, Some(0), "{file:?}: {ran:?}");
    }
    let failed = dev.submit(&bad, &["--watch"]).await;

    assert_eq!(failed.code, Some(1), "{failed:?}");
    let listed = dev.client().get("/api/v1/tenants?status=active").await.json(200);
    assert_eq!(listed["total"], 6);
    assert_eq!(listed["tenants"][4]["settings"]["limits"]["users"], 7);
    let made = dev.client().get("/api/v1/audit?action=token.created").await.json(200);
    assert_eq!(made["entries"].as_array().unwrap().len(), 1, "the token of dev: {made}");
    assert_eq!(dev.ready["pid"], dev.process.pid());
    assert_eq!(servers.len(), 1);
    assert!(runs(servers[0]));
    let logs = dev.dir.path().join("data/log");
    for log in fs::read_dir(logs).unwrap().map(|entry| entry.unwrap().metadata().unwrap()) {
        assert_eq!(log.permissions().mode() & 0o077, 0, "a log names tenants and callers");
    }

    let ended = dev.process.terminate(TAKES).await;

    assert_eq!(ended.code(), Some(0), "{}", dev.process.log());
    assert!(!runs(servers[0]), "its PostgreSQL still runs");
    assert!(!dev.dir.path().join("data/ready.json").exists());
}

#[tokio::test]
async fn a_worker_joins_dev_with_the_environment_of_the_ready_file() {
    let dev = dev("0").await;
    let body = serde_json::json!({"tenants": [tenant(0)]});
    let waiting = dev.client().post("/api/v1/tenants/batch", &body, &[]).await.json(202);
    let path = format!("/api/v1/batches/{}", waiting["batch_id"].as_str().unwrap());

    let env = dev.ready["env"].as_object().unwrap().iter();
    let env: Environment =
        env.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect();
    let _worker =
        Process::start("tenantry-worker", &["--port", "0"], "joined", dev.dir.path(), &env).await;

    eventually("the batch to be completed", TAKES, async || {
        let batch = dev.client().get(&path).await.json(200);
        (batch["state"] == "completed").then_some(())
    })
    .await;
}

#[tokio::test]
async fn ctrl_c_stops_dev_and_says_where_its_data_is() {
    let mut dev = dev("0").await;

    dev.process.signal(Signal::SIGINT);
    let ended = dev.process.end(TAKES).await;

    let log = dev.process.log();
    assert_eq!(ended.code(), Some(130), "{log}");
    assert!(log.contains("stopped; the data is kept in ") && !log.contains("error:"), "{log}");
    assert!(!dev.dir.path().join("data/ready.json").exists());
}
