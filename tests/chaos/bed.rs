//! A whole system to be broken: a cluster of its own, proxies before it, replicas of the API and
//! workers as processes, strangers in the database, and everything that was asked of it.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use sqlx::{PgPool, postgres::PgPoolOptions};

use crate::{
    caller::Caller,
    dice::Dice,
    ground::Ground,
    postgres::Postgres,
    proxy::Proxy,
    rounds::SmallDisk,
    strangers,
    support::{Environment, Process, run},
    tally::Tally,
    wish::{Fate, Wish, Wishes},
};

/// The database's name.
pub(crate) const DATABASE: &str = "chaos";

/// A worker silent for this long is dead, in milliseconds.
pub(crate) const DEAD_AFTER_MS: u64 = 2_000;

/// Quick to be taken for dead and to be tried again, and never given up for the faults of others;
/// small pools, since many processes share one server.
const SETTINGS: &[(&str, &str)] = &[
    ("TENANTRY_MASTER_KEY", "8f1d3a5c7e9b2d4f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7"),
    ("TENANTRY__API__HOST", "127.0.0.1"),
    ("TENANTRY__API__REQUESTS_PER_SECOND", "10000"),
    ("TENANTRY__API__BURST", "10000"),
    ("TENANTRY__DATABASE__MAX_CONNECTIONS", "8"),
    ("TENANTRY__DATABASE__ACQUIRE_TIMEOUT_MS", "2000"),
    ("TENANTRY__WORKER__HOST", "127.0.0.1"),
    ("TENANTRY__WORKER__CONCURRENCY", "4"),
    ("TENANTRY__WORKER__MAX_ATTEMPTS", "100"),
    ("TENANTRY__WORKER__BACKOFF_BASE_MS", "50"),
    ("TENANTRY__WORKER__BACKOFF_CAP_MS", "1000"),
    ("TENANTRY__WORKER__HEARTBEAT_MS", "200"),
    ("TENANTRY__WORKER__DEAD_AFTER_MS", "2000"),
    ("TENANTRY__WORKER__SWEEP_MS", "300"),
    ("TENANTRY__WORKER__LOCK_TIMEOUT_MS", "2000"),
    ("TENANTRY__WORKER__STAGE_TIMEOUT_MS", "5000"),
    ("TENANTRY__WORKER__CONNECTION_USES", "50"),
    // A part of the tenants is built in advance, the rest is not.
    ("TENANTRY__POOL__SIZE", "6"),
    ("TENANTRY__POOL__REFILL_PER_SECOND", "100"),
    ("TENANTRY__QUEUE__POLL_MS", "200"),
    ("TENANTRY__QUEUE__HEARTBEAT_MS", "500"),
    // The queue notes the start of a consumer in whole seconds, and two rounds share two cores.
    ("TENANTRY__QUEUE__MISSED_HEARTBEATS", "8"),
    ("TENANTRY__QUEUE__MAX_CONNECTIONS", "3"),
];

/// How long a command may take.
const COMMAND_ENDS_IN: Duration = Duration::from_secs(60);

/// What a bed is made of.
#[derive(Debug, Default)]
pub(crate) struct Plan<'a> {
    /// Replicas of the API.
    pub(crate) apis: usize,
    /// Workers.
    pub(crate) workers: usize,
    /// Settings of PostgreSQL.
    pub(crate) postgres: &'a [(&'a str, &'a str)],
    /// Settings of Tenantry.
    pub(crate) settings: &'a [(&'a str, &'a str)],
    /// Further migrations of tenants: file name and text.
    pub(crate) migrations: &'a [(String, String)],
    /// Where the database's files are, if not with the rest.
    pub(crate) tablespace: Option<PathBuf>,
}

/// A batch that was asked for, and what must become of it.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) id: uuid::Uuid,
    pub(crate) fates: Vec<Fate>,
}

/// The system. What it started ends with it.
#[derive(Debug)]
pub(crate) struct Bed {
    pub(crate) workers: Vec<Process>,
    pub(crate) apis: Vec<Process>,
    /// Straight to the server, past the proxies.
    pub(crate) pool: PgPool,
    pub(crate) caller: Caller,
    /// Between the workers and the server.
    pub(crate) work_proxy: Proxy,
    /// Between the API and the server.
    pub(crate) api_proxy: Proxy,
    pub(crate) wishes: Wishes,
    pub(crate) asked: Vec<Asked>,
    pub(crate) tally: Tally,
    /// When the last fault was over.
    pub(crate) last_fault: Instant,
    pub(crate) strangers: Vec<String>,
    /// What every process gets, but for the database's URL.
    pub(crate) env: Environment,
    pub(crate) migrations: PathBuf,
    started: usize,
    // Dropped after the processes, which are connected to it, and before the ground it stands on.
    pub(crate) postgres: Postgres,
    /// What the database lies on, if that is small.
    pub(crate) disk: Option<SmallDisk>,
    pub(crate) ground: Ground,
}

impl Bed {
    /// A new system.
    pub(crate) async fn make(plan: Plan<'_>) -> Self {
        Self::make_on(Ground::new(), plan).await
    }

    /// A new system on this ground.
    pub(crate) async fn make_on(ground: Ground, plan: Plan<'_>) -> Self {
        let postgres = Postgres::start(ground.path(), plan.postgres).await;
        create_database(&postgres, plan.tablespace.as_deref());
        let url = postgres.cluster().url(DATABASE);
        let lazy = PgPoolOptions::new().max_connections(6).connect_lazy(&url);
        let pool = lazy.expect("the cluster's URL is one");
        prepare(&pool).await;
        strangers::plant(&pool).await;
        let strangers = strangers::fingerprint(&pool).await.expect("the server answers");
        let migrations = ground.write_migrations(plan.migrations);
        let mut env: Environment = SETTINGS.iter().chain(plan.settings).map(owned).collect();
        env.insert("TENANT_MIGRATIONS_DIR".to_owned(), migrations.display().to_string());
        let token = make_token(&ground, &env, &url).await;
        let work_proxy = Proxy::start(postgres.socket()).await;
        let api_proxy = Proxy::start(postgres.socket()).await;
        let mut bed = Self {
            workers: Vec::new(),
            apis: Vec::new(),
            pool,
            caller: Caller::new(&token),
            work_proxy,
            api_proxy,
            wishes: Wishes::default(),
            asked: Vec::new(),
            tally: Tally::default(),
            last_fault: Instant::now(),
            strangers,
            env,
            migrations,
            started: 0,
            postgres,
            disk: None,
            ground,
        };
        for n in 0..plan.apis {
            let api = bed.start_api(n, &[]).await;
            bed.apis.push(api);
        }
        for _ in 0..plan.workers {
            let worker = bed.start_worker(&[]).await;
            bed.workers.push(worker);
        }
        bed
    }

    /// Starts a worker, with further settings, and waits until it answers.
    pub(crate) async fn start_worker(&mut self, settings: &[(&str, &str)]) -> Process {
        let url = self.work_proxy.url(DATABASE);
        self.start("tenantry-worker", "worker", url, settings).await
    }

    /// Starts replica number `n` of the API, with further settings; callers hear of it.
    pub(crate) async fn start_api(&mut self, n: usize, settings: &[(&str, &str)]) -> Process {
        let url = self.api_proxy.url(DATABASE);
        let api = self.start("tenantry-api", "api", url, settings).await;
        self.caller.knows(n, &api.url);
        api
    }

    async fn start(
        &mut self,
        program: &str,
        role: &str,
        database: String,
        settings: &[(&str, &str)],
    ) -> Process {
        self.started += 1;
        let name = format!("{role}-{}", self.started);
        let mut env = self.env.clone();
        env.insert("DATABASE_URL".to_owned(), database);
        env.extend(settings.iter().map(owned));
        Process::start(program, &["--port", "0"], &name, self.ground.path(), &env).await
    }

    /// Asks for a batch until it is accepted, whatever happens meanwhile: its id.
    pub(crate) async fn ask(&mut self, wish: Wish) -> uuid::Uuid {
        let id = ask(&self.caller, &wish).await;
        self.asked.push(Asked { id, fates: wish.fates });
        id
    }

    /// Asks for more if there is little left to do: faults of an idle system prove little.
    pub(crate) async fn feed(&mut self, dice: &mut Dice) {
        let (low, size) = (16, dice.count(20, 60));
        if self.open_items().await.is_some_and(|open| open < low) {
            let wish = self.wishes.any(dice, size);
            self.ask(wish).await;
        }
        if dice.chance(40) {
            self.move_some(dice).await;
        }
    }

    /// Items that have not ended; `None` while the server does not answer.
    pub(crate) async fn open_items(&self) -> Option<i64> {
        let open = "select count(*) from tenantry.operation_items i
            join tenantry.operations b on b.id = i.operation_id where b.finished_at is null
              and i.state in ('queued', 'waiting', 'running', 'retrying', 'built', 'unwinding')";
        sqlx::query_scalar(open).fetch_one(&self.pool).await.ok()
    }

    /// A number from the database, which answers.
    pub(crate) async fn number(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.expect("the server answers")
    }

    /// The last fault is over now.
    pub(crate) fn fault_is_over(&mut self) {
        self.last_fault = Instant::now();
    }
}

/// Asks for a batch until it is accepted: its id.
pub(crate) async fn ask(caller: &Caller, wish: &Wish) -> uuid::Uuid {
    let reply = caller.surely("/api/v1/tenants/batch", &wish.body, &wish.key).await;
    assert_eq!(reply.status, 202, "{}", reply.body);
    let id = reply.body["batch_id"].as_str().expect("an accepted batch has an id");
    id.parse().expect("the id is a UUID")
}

fn owned(setting: &(&str, &str)) -> (String, String) {
    (setting.0.to_owned(), setting.1.to_owned())
}

fn create_database(postgres: &Postgres, tablespace: Option<&std::path::Path>) {
    let server = postgres.cluster().server();
    let run = |sql: &str| server.execute("postgres", sql).expect("the server is fresh");
    let Some(folder) = tablespace else {
        run(&format!("create database {DATABASE}"));
        return;
    };
    run(&format!("create tablespace small location '{}'", folder.display()));
    run(&format!("create database {DATABASE} tablespace small"));
}

/// As `tenantry migrate public up` does.
async fn prepare(pool: &PgPool) {
    queue::setup(pool).await.expect("the database is empty");
    store::migrate(pool).await.expect("the database is empty");
    let mut conn = pool.acquire().await.expect("the server answers");
    let installation = store::installation(&mut conn).await.expect("it is migrated");
    tenantdb::bootstrap(&mut conn, &installation).await.expect("the database is ours");
}

async fn make_token(ground: &Ground, env: &Environment, url: &str) -> String {
    let mut env = env.clone();
    env.insert("DATABASE_URL".to_owned(), url.to_owned());
    let args = ["token", "create", "--name", "chaos", "--role", "admin", "--json"];
    let made = run("tenantry", &args, ground.path(), &env, COMMAND_ENDS_IN).await;
    assert_eq!(made.code, Some(0), "{made:?}");
    made.json()["token"].as_str().expect("a token is text").to_owned()
}
