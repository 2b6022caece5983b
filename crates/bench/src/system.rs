//! The system: API, queue and workers, from POST to active.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow, bail};
use keys::{MasterKey, OperatorToken};
use localpg::Cluster;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sqlx::PgPool;
use store::operators::NewOperator;

use crate::processes::Process;

const DATABASE: &str = "tenantry";

/// Longest a batch may take, in seconds.
const BATCH_SECS: u64 = 600;

/// A running system.
pub(crate) struct System {
    api: Process,
    workers: Vec<Process>,
    http: reqwest::Client,
    token: String,
    /// The control database, for looking on.
    pub(crate) pool: PgPool,
}

/// What one round came to.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub(crate) struct Round {
    /// From the POST to the end of the batch.
    pub(crate) tenants_per_second: f64,
    /// The POST alone, in milliseconds.
    pub(crate) accepted_ms: f64,
}

impl System {
    pub(crate) async fn start(
        cluster: &Cluster,
        folder: &Path,
        workers: usize,
        in_work: usize,
    ) -> anyhow::Result<Self> {
        cluster.ensure_database(DATABASE)?;
        let url = cluster.url(DATABASE);
        let pool = PgPool::connect(&url).await?;
        queue::setup(&pool).await?;
        store::migrate(&pool).await?;
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
        drop(conn);
        let env = environment(&url, in_work.div_ceil(workers));
        let api = Process::start("api", folder, "api", &env).await?;
        let mut running = Vec::new();
        for n in 0..workers {
            running.push(Process::start("worker", folder, &format!("worker-{n}"), &env).await?);
        }
        // The client is built without a provider of its own; sqlx brings this one.
        rustls::crypto::ring::default_provider()
            .install_default()
            .map_err(|_| anyhow!("a crypto provider is installed already"))?;
        let http = reqwest::Client::builder().build()?;
        let token = token.expose().to_owned();
        Ok(Self { api, workers: running, http, token, pool })
    }

    /// Submits a batch of `tenants` and waits until all are active.
    pub(crate) async fn make(&self, round: usize, tenants: usize) -> anyhow::Result<Round> {
        let list: Vec<Value> = (0..tenants)
            .map(|n| {
                json!({
                    "tenant_name": format!("Bench {round} {n}"),
                    "domain": format!("t{n}.r{round}.bench.example"),
                })
            })
            .collect();
        let started = Instant::now();
        let batch = self.post("/api/v1/tenants/batch", &json!({ "tenants": list })).await?;
        let accepted_ms = started.elapsed().as_secs_f64() * 1e3;
        let id = batch["batch_id"].as_str().context("no batch id")?;
        let ended = self.finished(id, started).await?;
        if ended["progress"]["succeeded"].as_u64() != Some(tenants as u64) {
            bail!("not every tenant became active: {}", ended["progress"]);
        }
        // By the database's clock, from the batch's row to its end: polling adds nothing to it.
        let took: f64 = sqlx::query_scalar(
            "select extract(epoch from finished_at - created_at)::float8
             from tenantry.batches where id = $1::uuid",
        )
        .bind(id)
        .fetch_one(&self.pool)
        .await?;
        #[expect(clippy::cast_precision_loss, reason = "a count of tenants fits")]
        let tenants_per_second = tenants as f64 / (took + accepted_ms / 1e3);
        Ok(Round { tenants_per_second, accepted_ms })
    }

    /// Polls the batch until it is over, as a caller would.
    async fn finished(&self, id: &str, started: Instant) -> anyhow::Result<Value> {
        while started.elapsed() < Duration::from_secs(BATCH_SECS) {
            let batch = self.get(&format!("/api/v1/batches/{id}")).await?;
            if !batch["finished_at"].is_null() {
                return Ok(batch);
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        bail!("the batch did not end in {BATCH_SECS} s")
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

    /// From the POST of one tenant to the answer that it is active, in milliseconds.
    pub(crate) async fn one_tenant_ms(&self, n: usize) -> anyhow::Result<f64> {
        let tenant =
            json!({ "tenant_name": format!("One {n}"), "domain": format!("o{n}.bench.example") });
        let started = Instant::now();
        let answer = self
            .http
            .post(format!("{}/api/v1/tenants", self.api.url))
            .bearer_auth(&self.token)
            .header("prefer", "wait=30")
            .json(&tenant)
            .send()
            .await?;
        if answer.status() != reqwest::StatusCode::CREATED {
            bail!("POST of one tenant answered {}: {}", answer.status(), answer.text().await?);
        }
        Ok(started.elapsed().as_secs_f64() * 1e3)
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.http.post(format!("{}{path}", self.api.url)).json(body);
        self.answer(request).await
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.answer(self.http.get(format!("{}{path}", self.api.url))).await
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
        let answer = request.bearer_auth(&self.token).send().await?;
        let status = answer.status();
        let body: Value = answer.json().await?;
        if !status.is_success() {
            bail!("the API answered {status}: {body}");
        }
        Ok(body)
    }

    /// Processor time of the API and all workers so far, in milliseconds.
    pub(crate) fn processes_ms(&self) -> f64 {
        let all = std::iter::once(&self.api).chain(&self.workers);
        all.filter_map(Process::cpu_ms).sum()
    }

    /// Peak memory of the API and of the largest worker, in MiB.
    pub(crate) fn peak_memory_mib(&self) -> (Option<u64>, Option<u64>) {
        let worker = self.workers.iter().filter_map(Process::peak_memory_mib).max();
        (self.api.peak_memory_mib(), worker)
    }

    pub(crate) fn stop(self) -> anyhow::Result<()> {
        for worker in self.workers {
            worker.stop()?;
        }
        self.api.stop()
    }
}

fn environment(url: &str, concurrency: usize) -> Vec<(String, String)> {
    let master_key = MasterKey::generate();
    [
        ("DATABASE_URL", url),
        ("TENANTRY_MASTER_KEY", master_key.expose_secret()),
        ("TENANTRY__WORKER__CONCURRENCY", &concurrency.to_string()),
        ("TENANTRY__API__REQUESTS_PER_SECOND", "10000"),
        ("TENANTRY__API__BURST", "10000"),
        ("TENANTRY__LOG__FILTER", "warn"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .to_vec()
}
