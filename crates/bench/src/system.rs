//! The system: API, queue and workers, from POST to active.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, anyhow, bail};
use keys::{MasterKey, OperatorToken};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sqlx::{PgPool, postgres::PgPoolOptions};
use store::operators::NewOperator;
use tokio::time::sleep;

use crate::{counting, processes::Process, stand::Stand};

/// Longest a batch, or filling the pool, may take, in seconds.
const BATCH_SECS: u64 = 900;

/// Between two looks at either.
const POLL_EVERY: Duration = Duration::from_millis(250);

#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) database: String,
    pub(crate) workers: usize,
    /// Transactions in which all of them together make tenants at a time.
    pub(crate) lanes: usize,
    pub(crate) spares: usize,
    pub(crate) env: Vec<(&'static str, String)>,
    /// Whether what goes to the server is counted.
    pub(crate) counted: bool,
}

pub(crate) struct System {
    database: String,
    env: Vec<(&'static str, String)>,
    api: Process,
    workers: Vec<Process>,
    http: reqwest::Client,
    token: String,
    /// Tenants built in advance, when all is quiet.
    pub(crate) spares: usize,
    pub(crate) counts: Option<Arc<counting::Counts>>,
    /// The control database, for looking on: past what counts.
    pub(crate) pool: PgPool,
}

#[derive(Debug, Clone)]
pub(crate) struct Done {
    pub(crate) id: String,
    /// From the POST to the end of the batch, by the database's clock.
    pub(crate) tenants_per_second: f64,
    /// The POST alone, in milliseconds.
    pub(crate) accepted_ms: f64,
}

impl System {
    pub(crate) async fn start(stand: &Stand, setup: Setup) -> anyhow::Result<Self> {
        let mut url = stand.system_database(&setup.database).await?;
        // Closed after each use: an idle session takes part in every CREATE of its database, and the
        // floor's has none.
        let closed = PgPoolOptions::new().after_release(|_, _| Box::pin(async { Ok(false) }));
        let pool = closed.max_connections(1).connect(&url).await?;
        let token = prepare(&pool).await?;
        let mut counts = None;
        if setup.counted {
            let (port, counted) = counting::start(stand.socket()).await?;
            let user = url.split("://").nth(1).and_then(|rest| rest.split('@').next());
            let user = user.context("the cluster's URL names no user")?;
            let database = &setup.database;
            url = format!("postgres://{user}@127.0.0.1:{port}/{database}?sslmode=disable");
            counts = Some(counted);
        }
        let mut env = environment(&url, setup.lanes.div_ceil(setup.workers.max(1)));
        env.push(("TENANTRY__POOL__SIZE", setup.spares.to_string()));
        env.extend(setup.env);
        let name = format!("{}-api", setup.database);
        let api = Process::start("api", stand.folder(), &name, &env).await?;
        let http = reqwest::Client::builder().build()?;
        let (database, spares, workers) = (setup.database, setup.spares, Vec::new());
        let mut system = Self { database, env, api, workers, http, token, spares, counts, pool };
        system.start_workers(stand, "", setup.workers, &[]).await?;
        Ok(system)
    }

    async fn start_workers(
        &mut self,
        stand: &Stand,
        life: &str,
        workers: usize,
        more: &[(&'static str, String)],
    ) -> anyhow::Result<()> {
        let env = [&self.env, more].concat();
        for n in 0..workers {
            let name = format!("{}-worker-{n}{life}", self.database);
            self.workers.push(Process::start("worker", stand.folder(), &name, &env).await?);
        }
        Ok(())
    }

    /// Replaces the workers by others with further settings; `life` names their files.
    pub(crate) async fn replace_workers(
        &mut self,
        stand: &Stand,
        life: &str,
        more: &[(&'static str, String)],
    ) -> anyhow::Result<()> {
        let before = std::mem::take(&mut self.workers);
        let workers = before.len();
        for worker in before {
            worker.stop()?;
        }
        self.start_workers(stand, life, workers, more).await
    }

    /// Waits until so many tenants are built in advance, and all is quiet.
    pub(crate) async fn pool_is_full(&self, spares: usize) -> anyhow::Result<()> {
        let ready = "select count(*) from tenantry.spares";
        until("the pool was not full", async || {
            let ready: i64 = sqlx::query_scalar(ready).fetch_one(&self.pool).await?;
            Ok((usize::try_from(ready)? >= spares).then_some(()))
        })
        .await?;
        sleep(POLL_EVERY).await;
        Ok(())
    }

    pub(crate) async fn make(&self, round: &str, tenants: usize) -> anyhow::Result<Done> {
        let lines = batch(round, tenants);
        // Of the machine's one clock, which is the database's too.
        let posted = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let (id, accepted_ms) = self.submit(&lines).await?;
        // Polled until it is over, as a caller would.
        let path = format!("/api/v1/batches/{id}");
        let ended = until("the batch did not end", async || {
            let batch = self.get(&path).await?;
            Ok((!batch["finished_at"].is_null()).then_some(batch))
        })
        .await?;
        if ended["progress"]["succeeded"].as_u64() != Some(tenants as u64) {
            bail!("not every tenant became active: {}", ended["progress"]);
        }
        // From the POST to the end that the batch's row has: polling adds nothing to it.
        let took: f64 = sqlx::query_scalar(
            "select extract(epoch from finished_at)::float8 - $2
             from tenantry.operations where id = $1::uuid",
        )
        .bind(&id)
        .bind(posted.as_secs_f64())
        .fetch_one(&self.pool)
        .await?;
        Ok(Done { id, tenants_per_second: tenants as f64 / took, accepted_ms })
    }

    /// Submits tenants as NDJSON; the batch's id, and how long it took to be accepted, in
    /// milliseconds.
    pub(crate) async fn submit(&self, lines: &str) -> anyhow::Result<(String, f64)> {
        let request = self.http.post(format!("{}/api/v1/tenants/batch", self.api.url));
        let request = request.header("content-type", "application/x-ndjson").body(lines.to_owned());
        let (batch, accepted_ms) = self.answer(request).await?;
        Ok((batch["batch_id"].as_str().context("no batch id")?.to_owned(), accepted_ms))
    }

    /// The newest batch of this many tenants, once it is there.
    pub(crate) async fn newest_batch(&self, tenants: usize) -> anyhow::Result<Option<String>> {
        let newest =
            "select id::text from tenantry.operations where total = $1 order by id desc limit 1";
        let tenants = i32::try_from(tenants)?;
        Ok(sqlx::query_scalar(newest).bind(tenants).fetch_optional(&self.pool).await?)
    }

    /// The mean time of each step over all tenants made, in milliseconds, in their order.
    pub(crate) async fn step_means_ms(&self) -> anyhow::Result<Vec<(String, f64)>> {
        Ok(sqlx::query_as(
            "select step ->> 'name', avg((step ->> 'duration_ms')::float8)
             from tenantry.checkpoints c, jsonb_array_elements(c.steps) with ordinality as s(step, n)
             group by 1 order by min(n)",
        )
        .fetch_all(&self.pool)
        .await?)
    }

    /// From an item's row to its end, in milliseconds, for each item of the batch in the order of
    /// their ends.
    pub(crate) async fn item_ms(&self, batch: &str) -> anyhow::Result<Vec<f64>> {
        Ok(sqlx::query_scalar(
            "select extract(epoch from finished_at - created_at)::float8 * 1000
             from tenantry.operation_items where operation_id = $1::uuid order by finished_at",
        )
        .bind(batch)
        .fetch_all(&self.pool)
        .await?)
    }

    /// From the POST of one tenant to the answer that it is active, in milliseconds.
    pub(crate) async fn one_tenant_ms(&self, n: usize) -> anyhow::Result<f64> {
        let tenant =
            json!({ "tenant_name": format!("One {n}"), "domain": format!("o{n}.bench.example") });
        let (made, took_ms) = self.post_and_wait("/api/v1/tenants", &tenant).await?;
        if made["status"] != "success" && made["api_key"].is_null() {
            bail!("the tenant is not active: {made}");
        }
        Ok(took_ms)
    }

    /// From the POST of a few tenants to the answer that all are active, in milliseconds.
    pub(crate) async fn small_batch_ms(&self, n: usize, tenants: usize) -> anyhow::Result<f64> {
        let one = |t| json!({ "tenant_name": format!("Few {n}"), "domain": format!("f{t}.b{n}.bench.example") });
        let body = json!({ "tenants": (0..tenants).map(one).collect::<Vec<_>>() });
        let (made, took_ms) = self.post_and_wait("/api/v1/tenants/batch", &body).await?;
        if made["summary"]["successful"].as_u64() != Some(tenants as u64) {
            bail!("not every tenant became active: {made}");
        }
        Ok(took_ms)
    }

    /// The answer once the work is done, and how long it took in milliseconds.
    async fn post_and_wait(&self, path: &str, body: &Value) -> anyhow::Result<(Value, f64)> {
        let request = self.http.post(format!("{}{path}", self.api.url));
        self.answer(request.header("prefer", "wait=30").json(body)).await
    }

    pub(crate) async fn get_ms(&self, path: &str) -> anyhow::Result<f64> {
        Ok(self.answer(self.http.get(format!("{}{path}", self.api.url))).await?.1)
    }

    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        Ok(self.answer(self.http.get(format!("{}{path}", self.api.url))).await?.0)
    }

    /// What the API answers, and how long it took in milliseconds.
    async fn answer(&self, request: reqwest::RequestBuilder) -> anyhow::Result<(Value, f64)> {
        let started = Instant::now();
        let answer = request.bearer_auth(&self.token).send().await?;
        let status = answer.status();
        let body: Value = answer.json().await?;
        if !status.is_success() {
            bail!("the API answered {status}: {body}");
        }
        Ok((body, started.elapsed().as_secs_f64() * 1e3))
    }

    /// Processor time of the API and all workers so far, in milliseconds.
    pub(crate) fn processes_ms(&self) -> f64 {
        let all = std::iter::once(&self.api).chain(&self.workers);
        all.filter_map(Process::cpu_ms).sum()
    }

    /// Peak memory of the API and of the largest worker, in MiB.
    pub(crate) fn peak_memory_mib(&self) -> (f64, f64) {
        let worker = self.workers.iter().filter_map(Process::peak_memory_mib).fold(0.0, f64::max);
        (self.api.peak_memory_mib().unwrap_or(f64::NAN), worker)
    }

    /// Bytes written to the server's log of changes so far, by everybody.
    pub(crate) async fn wal_bytes(&self) -> anyhow::Result<f64> {
        let bytes = "select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::float8";
        Ok(sqlx::query_scalar(bytes).fetch_one(&self.pool).await?)
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        for worker in self.workers {
            worker.stop()?;
        }
        self.api.stop()?;
        self.pool.close().await;
        Ok(())
    }
}

/// Looks again and again until something is found; fails with `otherwise` if it takes too long.
async fn until<T>(
    otherwise: &str,
    look: impl AsyncFn() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(BATCH_SECS) {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        sleep(POLL_EVERY).await;
    }
    bail!("{otherwise} in {BATCH_SECS} s")
}

pub(crate) fn batch(round: &str, tenants: usize) -> String {
    let line = |n| {
        let tenant = json!({
            "tenant_name": format!("Bench {round} {n}"),
            "domain": format!("t{n}.r{round}.bench.example"),
        });
        format!("{tenant}\n")
    };
    (0..tenants).map(line).collect()
}

/// Makes the schemas, and an operator's token.
async fn prepare(pool: &PgPool) -> anyhow::Result<String> {
    queue::setup(pool).await?;
    store::migrate(pool).await?;
    let mut conn = pool.acquire().await?;
    let installation = store::installation(&mut conn).await?;
    tenantdb::bootstrap(&mut conn, &installation).await?;
    let token = OperatorToken::mint();
    let operator = NewOperator {
        name: "bench",
        role: domain::Role::Admin,
        hash: &token.hash(),
        expires_at: None,
    };
    store::operators::create(&mut conn, operator).await?;
    Ok(token.expose().to_owned())
}

/// The HTTP client is built without a crypto provider of its own; sqlx brings this one.
pub(crate) fn install_crypto() -> anyhow::Result<()> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow!("a crypto provider is installed already"))
}

fn environment(url: &str, lanes: usize) -> Vec<(&'static str, String)> {
    vec![
        ("DATABASE_URL", url.to_owned()),
        ("TENANTRY_MASTER_KEY", MasterKey::generate().expose_secret().to_owned()),
        ("MAX_TENANTS_PER_BATCH", "50000".to_owned()),
        ("TENANTRY__WORKER__CONCURRENCY", lanes.to_string()),
        ("TENANTRY__API__REQUESTS_PER_SECOND", "10000".to_owned()),
        ("TENANTRY__API__BURST", "10000".to_owned()),
        ("TENANTRY__LOG__FILTER", "warn".to_owned()),
    ]
}
