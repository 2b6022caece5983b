//! A whole system: a fresh database, the API and workers as processes, a token.

use std::time::Duration;

use harness::Db;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Client, Environment, Process, Ran, eventually, run};

/// 32 bytes, as anybody would make them: `openssl rand -hex 32`.
const MASTER_KEY: &str = "8f1d3a5c7e9b2d4f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7";

/// How long a batch may take: debug builds on a busy machine.
const FINISHES_IN: Duration = Duration::from_secs(150);

/// How long a command may take.
const COMMAND_ENDS_IN: Duration = Duration::from_secs(60);

/// Loopback only; and a story calls more often than one operator may.
const SETTINGS: &[(&str, &str)] = &[
    ("TENANTRY_MASTER_KEY", MASTER_KEY),
    ("TENANTRY__API__HOST", "127.0.0.1"),
    ("TENANTRY__WORKER__HOST", "127.0.0.1"),
    ("TENANTRY__API__REQUESTS_PER_SECOND", "10000"),
    ("TENANTRY__API__BURST", "10000"),
    // Nothing is there that the story did not ask for.
    ("TENANTRY__POOL__SIZE", "0"),
];

/// API, workers and database of one story. What it started ends with it.
#[derive(Debug)]
pub(crate) struct System {
    /// Calls the API as an admin.
    pub(crate) client: Client,
    /// That admin's token.
    pub(crate) token: String,
    /// The workers, in the order they were started.
    pub(crate) workers: Vec<Process>,
    /// The API.
    pub(crate) api: Process,
    /// The environment that all of it has.
    pub(crate) env: Environment,
    // Dropped after the processes: they are connected to it and write there.
    /// The database.
    pub(crate) db: Db,
    dir: TempDir,
}

/// A tenant's key, as `reveal` shows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Revealed {
    /// The tenant's id.
    pub(crate) tenant: i64,
    /// The key.
    pub(crate) key: String,
}

impl System {
    /// A system with `workers` workers, on a database of its own.
    pub(crate) async fn start(workers: usize) -> Self {
        Self::configured(workers, &[]).await
    }

    /// As [`System::start`], with further settings.
    pub(crate) async fn configured(workers: usize, settings: &[(&str, &str)]) -> Self {
        let db = harness::fresh_db().await;
        let url = db.url.clone();
        Self::on(db, &url, workers, settings).await
    }

    /// A system on `db`, which its programs reach at `url`.
    pub(crate) async fn on(db: Db, url: &str, workers: usize, settings: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let env = environment(url, settings);
        let api = Process::start("tenantry-api", &["--port", "0"], "api", dir.path(), &env).await;
        let anonymous = Client::anonymous(&api.url);
        let (client, token) = (anonymous, String::new());
        let mut system = Self { client, token, workers: Vec::new(), api, env, db, dir };
        // a copied database brings the tokens of its original along
        let name = format!("story-{}", uuid::Uuid::new_v4());
        system.token = system.make_token(&name, "admin").await;
        system.client = system.client.with_token(&system.token);
        for _ in 0..workers {
            system.add_worker(&[]).await;
        }
        system
    }

    /// Starts one more worker, with further settings.
    pub(crate) async fn add_worker(&mut self, settings: &[(&str, &str)]) -> &mut Process {
        let name = format!("worker-{}", self.workers.len());
        let mut env = self.env.clone();
        env.extend(settings.iter().map(owned));
        let args = ["--port", "0"];
        let worker = Process::start("tenantry-worker", &args, &name, self.dir.path(), &env).await;
        self.workers.push(worker);
        self.workers.last_mut().expect("it was just put there")
    }

    /// Starts the API anew, in place of the one that ran.
    pub(crate) async fn restart_api(&mut self) {
        let (args, dir) = (["--port", "0"], self.dir.path());
        self.api = Process::start("tenantry-api", &args, "api-again", dir, &self.env).await;
        self.client = Client::anonymous(&self.api.url).with_token(&self.token);
    }

    /// Starts a worker that may refuse to start.
    pub(crate) fn spawn_worker(&self, name: &str, settings: &[(&str, &str)]) -> Process {
        let mut env = self.env.clone();
        env.extend(settings.iter().map(owned));
        Process::spawn("tenantry-worker", &["--port", "0"], name, self.dir.path(), &env)
    }

    /// Starts an API that may refuse to start.
    pub(crate) fn spawn_api(&self, name: &str, settings: &[(&str, &str)]) -> Process {
        let mut env = self.env.clone();
        env.extend(settings.iter().map(owned));
        Process::spawn("tenantry-api", &["--port", "0"], name, self.dir.path(), &env)
    }

    /// Starts `tenantry` on this system's database.
    pub(crate) fn spawn_cli(&self, args: &[&str]) -> Process {
        Process::spawn("tenantry", args, "command", self.dir.path(), &self.env)
    }

    /// Runs `tenantry` on this system's database.
    pub(crate) async fn cli(&self, args: &[&str]) -> Ran {
        self.cli_with(args, &self.env).await
    }

    /// Runs the doctor on all of this system, once it is at rest.
    pub(crate) async fn examine(&self) -> Ran {
        super::examine(self.dir.path(), &self.env).await
    }

    /// Runs a command of `tenantry` that calls this system's API.
    pub(crate) async fn cli_at_api(&self, args: &[&str]) -> Ran {
        let mut env = self.env.clone();
        env.insert("TENANTRY_URL".to_owned(), self.api.url.clone());
        env.insert("TENANTRY_TOKEN".to_owned(), self.token.clone());
        self.cli_with(args, &env).await
    }

    /// Runs `tenantry` with an environment of its own.
    pub(crate) async fn cli_with(&self, args: &[&str], env: &Environment) -> Ran {
        run("tenantry", args, self.dir.path(), env, COMMAND_ENDS_IN).await
    }

    /// Makes an operator token and returns it.
    pub(crate) async fn make_token(&self, name: &str, role: &str) -> String {
        let made = self.cli(&["token", "create", "--name", name, "--role", role, "--json"]).await;
        assert_eq!(made.code, Some(0), "{made:?}");
        made.json()["token"].as_str().unwrap().to_owned()
    }

    /// Submits a batch of tenants: its id.
    pub(crate) async fn submit(&self, tenants: Vec<Value>) -> String {
        let body = json!({ "tenants": tenants });
        let answer = self.client.post("/api/v1/tenants/batch", &body, &[]).await;
        answer.json(202)["batch_id"].as_str().unwrap().to_owned()
    }

    /// A batch as the API shows it.
    pub(crate) async fn batch(&self, id: &str) -> Value {
        self.client.get(&format!("/api/v1/batches/{id}")).await.json(200)
    }

    /// Waits until a batch is over: how the API shows it then.
    pub(crate) async fn finished(&self, id: &str) -> Value {
        eventually("the batch to be over", FINISHES_IN, async || {
            let batch = self.batch(id).await;
            batch["finished_at"].is_string().then_some(batch)
        })
        .await
    }

    /// Waits until at least `count` tenants of a batch are active: how many are.
    pub(crate) async fn succeeded(&self, id: &str, count: u64) -> u64 {
        eventually("some tenants to be active", FINISHES_IN, async || {
            let done = self.batch(id).await["progress"]["succeeded"].as_u64().unwrap();
            (done >= count).then_some(done)
        })
        .await
    }

    /// What became of every item of a batch, by index.
    pub(crate) async fn results(&self, id: &str) -> Vec<Value> {
        let path = format!("/api/v1/batches/{id}/results");
        let request = self.client.request(reqwest::Method::GET, &path);
        let answer = self.client.send(request.header("accept", "application/x-ndjson")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The keys of a batch, by tenant.
    pub(crate) async fn reveal(&self, id: &str) -> Vec<Revealed> {
        let path = format!("/api/v1/batches/{id}/api-keys/reveal");
        let body = self.client.command(&path).await.json(200);
        let keys = body["keys"].as_array().expect("`keys` is a list").iter();
        let mut keys: Vec<_> = keys
            .map(|key| Revealed {
                tenant: key["tenant_id"].as_i64().unwrap(),
                key: key["api_key"].as_str().unwrap().to_owned(),
            })
            .collect();
        keys.sort();
        keys
    }

    /// Provisions one batch to its end, all of which must succeed: what became of its items.
    pub(crate) async fn provision(&self, tenants: Vec<Value>) -> Vec<Value> {
        let batch = self.submit(tenants).await;
        let over = self.finished(&batch).await;
        let results = self.results(&batch).await;
        assert_eq!(over["state"], "completed", "{results:#?}");
        results
    }

    /// A file of the story's own directory.
    pub(crate) fn file(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    /// The one number that a statement gives.
    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.db.pool).await.unwrap()
    }
}

/// The environment of a story's programs, whose database is at `url`.
pub(crate) fn environment(url: &str, settings: &[(&str, &str)]) -> Environment {
    let mut env: Environment = SETTINGS.iter().chain(settings).map(owned).collect();
    env.insert("DATABASE_URL".to_owned(), url.to_owned());
    env
}

fn owned(setting: &(&str, &str)) -> (String, String) {
    (setting.0.to_owned(), setting.1.to_owned())
}
