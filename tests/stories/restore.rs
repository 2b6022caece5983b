//! Backup and restore of a whole installation, by the commands of docs/BACKUP.md.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use localpg::{Cluster, Options};
use serde_json::json;
use sqlx::PgPool;
use tempfile::TempDir;

use super::support::{
    Client, Environment, Process, binary, environment, eventually, examine, orphans, run, tenant,
    within,
};

/// How long a command may take.
const ENDS_IN: Duration = Duration::from_secs(120);

/// Spares are dumped and restored too.
const SETTINGS: &[(&str, &str)] =
    &[("TENANTRY__POOL__SIZE", "3"), ("TENANTRY__WORKER__SWEEP_MS", "300")];

/// A server of the story's own, with a database `tenantry` of `owner`, who is no superuser.
struct Server {
    cluster: Cluster,
    // after the cluster, which lives in it
    _dir: TempDir,
}

impl Server {
    async fn start(bin: Option<PathBuf>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options = Options { durable: false, bin, ..Options::new(dir.path().join("pg")) };
        let started = tokio::task::spawn_blocking(|| Cluster::start(options)).await.unwrap();
        Self { cluster: started.unwrap_or_else(|e| panic!("{e:?}")), _dir: dir }
    }

    fn execute(&self, database: &str, sql: &str) -> Vec<String> {
        self.cluster.server().execute(database, sql).unwrap_or_else(|e| panic!("{sql}: {e}"))
    }

    /// Where `owner` finds database `tenantry`.
    fn url(&self) -> String {
        let mut url = reqwest::Url::parse(&self.cluster.url("tenantry")).unwrap();
        url.set_username("owner").unwrap();
        url.into()
    }

    async fn pool(&self) -> PgPool {
        PgPool::connect(&self.cluster.url("tenantry")).await.unwrap()
    }
}

/// An API and a worker on one server.
struct Running {
    api: Process,
    worker: Process,
    client: Client,
}

impl Running {
    async fn start(dir: &Path, name: &str, env: &Environment, token: &str) -> Self {
        let (api, worker) = (format!("{name}-api"), format!("{name}-worker"));
        let port = ["--port", "0"];
        let api = Process::start("tenantry-api", &port, &api, dir, env).await;
        let worker = Process::start("tenantry-worker", &port, &worker, dir, env).await;
        let client = Client::anonymous(&api.url).with_token(token);
        Self { api, worker, client }
    }

    async fn provision(&self, numbers: std::ops::Range<usize>) -> String {
        let body = json!({ "tenants": numbers.map(tenant).collect::<Vec<_>>() });
        let answer = self.client.post("/api/v1/tenants/batch", &body, &[]).await.json(202);
        let id = answer["batch_id"].as_str().unwrap().to_owned();
        self.finished(&id).await;
        id
    }

    async fn finished(&self, id: &str) {
        let path = format!("/api/v1/batches/{id}");
        let over = eventually("the batch to be over", ENDS_IN, async || {
            let batch = self.client.get(&path).await.json(200);
            batch["finished_at"].is_string().then_some(batch)
        })
        .await;
        let results = self.client.get(&format!("{path}/results")).await;
        assert_eq!(over["state"], "completed", "{}", results.text);
    }

    async fn stop(mut self) {
        assert!(self.worker.terminate(ENDS_IN).await.success());
        assert!(self.api.terminate(ENDS_IN).await.success());
    }
}

/// The commands of one block of docs/BACKUP.md, the first that holds `word`.
fn documented(word: &str) -> String {
    let page = include_str!("../../docs/BACKUP.md");
    let mut blocks = page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.find(|block| block.contains(word)).expect("the page has this block").to_owned()
}

/// Runs commands as an operator does, each to its end, and gives back what they said.
async fn shell(dir: &Path, commands: &str, env: &Environment) -> (bool, String) {
    let bin = binary("tenantry").parent().unwrap().to_owned();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut shell = tokio::process::Command::new("sh");
    shell.args(["-c", commands]).current_dir(dir).stdin(Stdio::null()).kill_on_drop(true);
    shell.envs(env).env("PATH", path);
    let ended = within("the commands to end", ENDS_IN, shell.output()).await.unwrap();
    let said = [ended.stdout, ended.stderr].concat();
    (ended.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// An older server's programs, where a newer one is what is tested.
fn older() -> Option<PathBuf> {
    let newer = PathBuf::from(std::env::var_os("PG_BIN")?);
    let packaged = std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let mut bins = packaged.map(|version| version.path().join("bin"));
    bins.find(|bin| bin.join("initdb").exists() && *bin != newer)
}

/// Six tenants, three spares and an unread key, dumped; then the server is gone.
async fn dumped(dir: &Path) -> (String, String, BTreeMap<i64, String>) {
    let server = Server::start(older()).await;
    server.execute("postgres", "create role owner login createrole");
    server.execute("postgres", "create database tenantry owner owner");
    let env = environment(&server.url(), SETTINGS);
    let up = run("tenantry", &["migrate", "public", "up"], dir, &env, ENDS_IN).await;
    assert_eq!(up.code, Some(0), "{up:?}");
    let token = ["token", "create", "--name", "story", "--role", "admin", "--json"];
    let token = run("tenantry", &token, dir, &env, ENDS_IN).await.json();
    let token = token["token"].as_str().unwrap().to_owned();
    let running = Running::start(dir, "old", &env, &token).await;
    let batch = running.provision(0..6).await;
    let pool = server.pool().await;
    eventually("the pool to be full", ENDS_IN, async || {
        let spares: i64 = sqlx::query_scalar("select count(*) from tenantry.spares")
            .fetch_one(&pool)
            .await
            .unwrap();
        (spares == 3).then_some(())
    })
    .await;
    let keys = revealed(&running.client, &batch).await;
    running.stop().await;
    let mut env = env.clone();
    env.insert("ADMIN_URL".to_owned(), server.cluster.url("postgres"));
    env.insert("DATABASE_URL".to_owned(), server.cluster.url("tenantry"));
    let (well, said) = shell(dir, &format!("set -e; {}", documented("pg_dump ")), &env).await;
    assert!(well, "{said}");
    pool.close().await;
    (token, batch, keys)
}

async fn revealed(client: &Client, batch: &str) -> BTreeMap<i64, String> {
    let path = format!("/api/v1/batches/{batch}/api-keys/reveal");
    let keys = client.command(&path).await.json(200);
    let keys = keys["keys"].as_array().unwrap().iter();
    keys.map(|key| {
        (key["tenant_id"].as_i64().unwrap(), key["api_key"].as_str().unwrap().to_owned())
    })
    .collect()
}

async fn a_worker_refuses(dir: &Path, env: &Environment, words: &str) {
    let args = ["--port", "0"];
    let mut worker = Process::spawn("tenantry-worker", &args, "early-worker", dir, env);
    assert!(!worker.end(ENDS_IN).await.success());
    assert!(worker.log().contains(words), "{}", worker.log());
}

/// What holds once the commands of the page have been run.
async fn goes_on(dir: &Path, server: &Server, env: &Environment, before: &Dumped) {
    let (token, batch, keys) = before;
    let pool = server.pool().await;
    let running = Running::start(dir, "new", env, token).await;
    assert_eq!(revealed(&running.client, batch).await, *keys);
    running.provision(20..26).await;
    // a refused spare is taken out of the pool, and others are built
    eventually("the pool to be full of good spares", ENDS_IN, async || {
        let sound: bool = sqlx::query_scalar(
            "select count(*) = 3 and bool_and(pg_has_role(format('tn_%s_%s', i.id, s.id),
                 format('tn_%s_tenants', i.id), 'member'))
             from tenantry.spares s, tenantry.installation i",
        )
        .fetch_one(&pool)
        .await
        .unwrap();
        sound.then_some(())
    })
    .await;
    running.provision(30..34).await;
    let told = running.worker.log();
    running.stop().await;
    clear_left_spares(dir, server, env, &told).await;
    let strangers: Vec<String> = sqlx::query_scalar(
        "select t.role_name from tenantry.tenants t
         where t.state = 'active' and (not has_database_privilege(t.role_name, current_database(), 'connect')
             or not has_table_privilege(t.role_name, format('%I.person', t.schema_name), 'select')
             or has_database_privilege(t.role_name, current_database(), 'temporary'))",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(strangers, Vec::<String>::new());
    pool.close().await;
}

/// From PostgreSQL 16 on restored roles are not the owner's: the worker says what it lacks.
async fn clear_left_spares(dir: &Path, server: &Server, env: &Environment, told: &str) {
    let grants: Vec<&str> = told
        .lines()
        .filter_map(|line| line.split("run `grant ").nth(1)?.split('`').next())
        .collect();
    for grant in &grants {
        server.execute("postgres", &format!("grant {grant}"));
    }
    if !grants.is_empty() {
        assert_eq!(grants.len(), 3, "each spare is told of once: {grants:?}");
        let fix = ["doctor", "--fix", "schema_without_tenant", "--fix", "role_without_tenant"];
        let fixed = run("tenantry", &fix, dir, env, ENDS_IN).await;
        assert!(fixed.out.contains("role_without_tenant: repaired 3"), "{fixed:?}");
    }
}

type Dumped = (String, String, BTreeMap<i64, String>);

async fn restored(dir: &Path, commands: &str, env: &mut Environment) -> Server {
    let server = Server::start(None).await;
    env.extend(environment(&server.url(), SETTINGS));
    env.insert("ADMIN_URL".to_owned(), server.cluster.url("postgres"));
    env.insert("RESTORE_URL".to_owned(), server.cluster.url("tenantry"));
    // psql goes on after the role `postgres`, which is there already
    let (_, said) = shell(dir, commands, env).await;
    assert!(!said.contains("pg_restore: error"), "{said}");
    server
}

#[tokio::test]
async fn an_installation_is_restored_into_a_fresh_server_by_the_pages_commands() {
    let dir = tempfile::tempdir().unwrap();
    let before = dumped(dir.path()).await;
    let page = documented("pg_restore");
    let (restore, repair) =
        page.split_at(page.find("DATABASE_URL=\"$RESTORE_URL\" tenantry").unwrap());
    let mut env = Environment::new();
    let server = restored(dir.path(), restore, &mut env).await;

    a_worker_refuses(dir.path(), &env, "tenantry restore adopt --moved").await;
    let (adopt, repair) = repair.split_once('\n').unwrap();
    let (adopted, said) = shell(dir.path(), adopt, &env).await;
    assert!(adopted, "{said}");
    a_worker_refuses(dir.path(), &env, "tenantry migrate public up").await;
    let (repaired, said) = shell(dir.path(), repair, &env).await;

    assert!(repaired, "{said}");
    goes_on(dir.path(), &server, &env, &before).await;
    let examined = examine(dir.path(), &env).await;
    assert_eq!(examined.code, Some(0), "{}\n{}", examined.out, examined.err);
    assert_eq!(orphans(&server.pool().await).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_database_that_is_restored_without_its_roles_gets_them_anew() {
    let dir = tempfile::tempdir().unwrap();
    let before = dumped(dir.path()).await;
    let mut env = Environment::new();
    let restore = "psql -c 'create role owner login createrole' \"$ADMIN_URL\"
        psql -c 'create database tenantry owner owner' \"$ADMIN_URL\"
        pg_restore --no-owner --no-privileges --dbname=\"$DATABASE_URL\" tenantry.dump";
    let server = restored(dir.path(), restore, &mut env).await;

    let page = documented("pg_restore");
    let repair = &page[page.find("DATABASE_URL=\"$RESTORE_URL\" tenantry").unwrap()..];
    let (repaired, said) = shell(dir.path(), repair, &env).await;

    assert!(repaired, "{said}");
    assert!(said.contains("tenant_without_role: repaired 6"), "{said}");
    goes_on(dir.path(), &server, &env, &before).await;
    let examined = examine(dir.path(), &env).await;
    assert_eq!(examined.code, Some(0), "{}\n{}", examined.out, examined.err);
}
