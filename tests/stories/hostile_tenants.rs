//! No tenant can stop the product: what a session logged in as a tenant's role may do, it does, and
//! batches end as on any other day. In a database of our own, with a superuser as installer.
//!
//! Each story has a server to itself: what is attacked belongs to all of its databases.

use std::{str::FromStr as _, time::Duration};

use futures::future::join_all;
use harness::Db;
use localpg::{Cluster, Options};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions,
};
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use super::support::{System, environment, eventually, installation, orphans, run, tell, tenant};

/// How long a command may take.
const ENDS_IN: Duration = Duration::from_secs(90);

/// What a busy machine may add to a batch's time.
const NOISE: Duration = Duration::from_secs(2);

/// Tenants of a batch under attack.
const ITEMS: usize = 40;

/// Tenants that are there before, and attack.
const FIRST: usize = 4;

/// A user without superuser rights, who owns the database.
const OWNER: &str = "plain_owner";

/// A server of our own, and a system on it with a few tenants.
struct Siege {
    system: System,
    /// The tenants' roles.
    roles: Vec<String>,
    /// The tenants' schemas.
    schemas: Vec<String>,
    /// How long a batch took before the attack.
    quiet: Duration,
    // Ends after the system.
    _cluster: Cluster,
    _ground: TempDir,
}

impl Siege {
    async fn begin() -> Self {
        Self::on(&[], "").await.expect("PostgreSQL starts")
    }

    /// On a server with these settings, after `prepare`, for the database's owner, who is no superuser.
    async fn of_plain_owner(settings: &[(&str, &str)], prepare: &str) -> Self {
        let owner = format!(
            "create role {OWNER} login createrole; alter database product owner to {OWNER}; {prepare}"
        );
        Self::on(settings, &owner).await.expect("PostgreSQL starts")
    }

    /// `None` when the server does not start with these settings.
    async fn on(settings: &[(&str, &str)], prepare: &str) -> Option<Self> {
        let ground = tempfile::tempdir().unwrap();
        let mut options = Options::new(ground.path().join("pg"));
        options.durable = false;
        options.extra = settings.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let cluster = spawn_blocking(|| Cluster::start(options)).await.unwrap().ok()?;
        cluster.ensure_database("product").unwrap();
        let db = Db::at(&cluster.url("product"));
        sqlx::raw_sql(AssertSqlSafe(prepare.to_owned())).execute(&db.pool).await.unwrap();
        let mut url = reqwest::Url::parse(&db.url).unwrap();
        if prepare.contains(OWNER) {
            url.set_username(OWNER).unwrap();
        }
        let env = environment(url.as_str(), &[]);
        let up = run("tenantry", &["migrate", "public", "up"], ground.path(), &env, ENDS_IN).await;
        assert_eq!(up.code, Some(0), "{}\n{}", up.out, up.err);
        let system = System::on(db, url.as_str(), 1, &[]).await;
        // The first tenant finds a cold system.
        system.provision(vec![tenant(999)]).await;
        let quiet = batch_of(&system, 500).await;
        let made = system.provision((0..FIRST).map(tenant).collect()).await;
        let installation = installation(&system.db.pool).await;
        let roles =
            made.iter().map(|it| format!("tn_{installation}_{}", it["tenant_id"])).collect();
        let schema = |it: &serde_json::Value| it["schema_name"].as_str().unwrap().to_owned();
        let schemas = made.iter().map(schema).collect();
        Some(Self { system, quiet, roles, schemas, _cluster: cluster, _ground: ground })
    }

    /// A session logged in as the role of the tenant at `index`.
    async fn tenant(&self, index: usize) -> sqlx::Result<PgConnection> {
        let options = PgConnectOptions::from_str(&self.system.db.url).unwrap();
        options.username(&self.roles[index]).connect().await
    }

    async fn as_superuser(&self, sql: &'static str) {
        sqlx::raw_sql(sql).execute(&self.system.db.pool).await.unwrap();
    }

    /// A batch is made to its end, and nothing is lost.
    async fn assert_unharmed(&self) {
        let took = batch_of(&self.system, 1_000).await;
        assert_eq!(orphans(&self.system.db.pool).await, Vec::<String>::new());
        let (quiet, attacked) = (self.quiet.as_millis(), took.as_millis());
        let rate = self.quiet.as_secs_f64() / took.as_secs_f64();
        tell(&format!(
            "{ITEMS} tenants: {quiet} ms on a quiet day, {attacked} ms under attack: {rate:.2} of the rate"
        ));
        assert!(took < self.quiet * 2 + NOISE, "an attack costs more than half of the rate");
    }

    /// The existing tenants can be migrated, and so can the shared schema.
    async fn assert_migrates(&self) {
        for command in [&["migrate", "tenant", "up", "--all"][..], &["migrate", "public", "up"]] {
            let ran = self.system.cli(command).await;
            assert_eq!(ran.code, Some(0), "{command:?}\n{}\n{}", ran.out, ran.err);
        }
    }
}

/// Makes a batch of tenants, numbered from `first`, to its end: how long that took.
async fn batch_of(system: &System, first: usize) -> Duration {
    let began = std::time::Instant::now();
    let batch = system.submit((first..first + ITEMS).map(tenant).collect()).await;
    let over = system.finished(&batch).await;
    assert_eq!(over["progress"]["succeeded"], ITEMS, "{over}");
    began.elapsed()
}

async fn execute(conn: &mut PgConnection, sql: impl Into<String>) {
    let sql = sql.into();
    let done = sqlx::raw_sql(AssertSqlSafe(sql.clone())).execute(conn).await;
    done.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// The advisory locks that Tenantry and what it is made of took, or could take, by number: tenants'
/// that are there and that will be, bootstrap, makers, spares, the set-up of the queue.
const BY_NUMBER: &str = "
    select count(pg_advisory_lock(32330, g)) from generate_series(1, 400) g;
    select count(pg_advisory_lock(32331, g)) from generate_series(0, 9) g;
    select count(pg_advisory_lock(32332, g)) from generate_series(0, 9) g;
    select count(pg_advisory_lock(g)) from generate_series(1, 400) g;
    select pg_advisory_lock(x'74656e616e747131'::bit(64)::bigint)";

#[tokio::test]
async fn a_tenant_takes_no_advisory_lock_and_makes_no_large_object() {
    let siege = Siege::begin().await;
    let mut tenant = siege.tenant(0).await.unwrap();

    for sql in [
        "select count(pg_advisory_lock(1, g)) from generate_series(1, 2000000) g",
        "select pg_advisory_xact_lock_shared(1)",
        "select pg_try_advisory_lock(1)",
        "select lo_create(0)",
    ] {
        let refused = sqlx::query(sql).execute(&mut tenant).await.expect_err(sql);
        let code = refused.as_database_error().unwrap().code().unwrap().into_owned();
        assert_eq!(code, "42501", "{sql}: {refused}");
    }
    siege.assert_unharmed().await;
}

/// Also where PUBLIC may take them: in a database shared with others, or without a superuser.
#[tokio::test]
async fn advisory_locks_of_every_number_hold_nothing_up() {
    let siege = Siege::begin().await;
    siege
        .as_superuser(
            "do $$ declare f regprocedure; begin
                for f in select oid from pg_proc where pronamespace = 'pg_catalog'::regnamespace
                    and proname ~ '^pg_(try_)?advisory_' loop
                    execute format('grant execute on function %s to public', f);
                end loop;
             end $$",
        )
        .await;
    let mut tenant = siege.tenant(FIRST - 1).await.unwrap();
    execute(&mut tenant, BY_NUMBER).await;

    siege.assert_unharmed().await;
    siege.assert_migrates().await;
}

#[tokio::test]
async fn a_flood_of_rings_on_every_channel_holds_nothing_up() {
    let siege = Siege::begin().await;
    let channels = ["tenantry_jobs", "tenantry_batch_finished", "apalis::job::insert"];
    let floods = channels.iter().enumerate().map(async |(n, channel)| {
        let mut tenant = siege.tenant(n).await.unwrap();
        loop {
            execute(&mut tenant, format!("notify \"{channel}\", 'nonsense'")).await;
        }
    });

    tokio::select! {
        _ = join_all(floods) => unreachable!("a flood has no end"),
        () = siege.assert_unharmed() => {}
    }
}

/// The server's queue of notifications is full: every NOTIFY fails. Servers before PostgreSQL 17 have
/// 8 GB of it, which a test does not fill.
#[tokio::test]
async fn a_full_queue_of_notifications_holds_nothing_up() {
    let Some(siege) = Siege::on(&[("max_notify_queue_pages", "64")], "").await else {
        tell("skipped: this server's queue of notifications cannot be made small");
        return;
    };
    let mut deaf = siege.tenant(0).await.unwrap();
    execute(&mut deaf, "listen anything; begin; select 1").await;
    let mut loud = siege.tenant(1).await.unwrap();
    let mut sent = 0;
    let full = loop {
        let many = "select count(pg_notify('anything', repeat('x', 7000) || g))
                    from generate_series(1, 20) g";
        if let Err(error) = sqlx::query(many).execute(&mut loud).await {
            break error;
        }
        sent += 20;
        assert!(sent < 10_000, "the queue does not fill");
    };
    tell(&format!("after {sent} notifications: {full}"));

    siege.assert_unharmed().await;
    siege.assert_migrates().await;
}

/// What a full queue does to a ring, on every version: its statement is refused.
#[tokio::test]
async fn a_ring_that_is_refused_loses_no_work() {
    let refuse = "revoke execute on function pg_notify(text, text) from public";
    let siege = Siege::of_plain_owner(&[], refuse).await;

    siege.assert_unharmed().await;

    let log = siege.system.api.log();
    assert!(log.contains("could not notify channel tenantry_jobs"), "{log}");
}

#[tokio::test]
async fn a_snapshot_held_through_a_batch_holds_nothing_up() {
    let siege = Siege::begin().await;
    let mut tenant = siege.tenant(0).await.unwrap();
    let own = &siege.schemas[0];
    execute(
        &mut tenant,
        format!("begin isolation level repeatable read; select from {own}.person"),
    )
    .await;

    siege.assert_unharmed().await;
    siege.assert_migrates().await;
    execute(&mut tenant, "commit").await;
}

/// The attacker is the newest tenant too: the one whose schema the next tenants must be refused.
#[tokio::test]
async fn tables_that_a_tenant_locks_for_ever_hold_up_that_tenant_alone() {
    let siege = Siege::begin().await;
    let newest = FIRST - 1;
    let mut tenant = siege.tenant(newest).await.unwrap();
    let own = &siege.schemas[newest];
    execute(
        &mut tenant,
        format!("begin; lock table {own}.person in access exclusive mode; lock table {own}.tenant"),
    )
    .await;

    siege.assert_unharmed().await;
    let public = siege.system.cli(&["migrate", "public", "up"]).await;
    assert_eq!(public.code, Some(0), "{}\n{}", public.out, public.err);
}

/// Each savepoint keeps a lock, so whoever may write can fill the table that the whole server shares.
#[tokio::test]
async fn a_tenant_that_fills_the_table_of_locks_is_ended_and_holds_nothing_up() {
    let siege = Siege::begin().await;
    let mut tenant = siege.tenant(0).await.unwrap();
    let own = &siege.schemas[0];
    execute(&mut tenant, "begin").await;
    let mut emails = 0..;
    let full = loop {
        let one = |n: i32| {
            format!("savepoint s; insert into {own}.person (email, full_name) values ('{n}@x.example', 'x');")
        };
        let some: String = emails.by_ref().take(100).map(one).collect();
        if let Err(error) = sqlx::raw_sql(AssertSqlSafe(some)).execute(&mut tenant).await {
            break error;
        }
    };
    tell(&format!("it ended with: {full}"));

    // A table that is full refuses the statement, and leaves the transaction with its locks.
    eventually("the session to be ended", ENDS_IN, async || tenant.ping().await.err()).await;
    siege.assert_unharmed().await;
}

/// Running processes go on over the connections that they hold.
#[tokio::test]
async fn every_other_connection_taken_holds_nothing_up() {
    let siege = Siege::of_plain_owner(&[("max_connections", "60")], "").await;
    let mut taken = Vec::new();
    for index in 0..FIRST {
        while let Ok(conn) = siege.tenant(index).await {
            taken.push(conn);
        }
    }
    assert!(!taken.is_empty());
    tell(&format!("{} connections taken", taken.len()));

    siege.assert_unharmed().await;
    join_all(taken.into_iter().map(|conn| conn.close())).await;
    eventually("a tenant to connect again", ENDS_IN, async || siege.tenant(0).await.ok()).await;
}

/// Whoever holds what a set-up needs is named, and the set-up does not wait for ever.
#[tokio::test]
async fn a_set_up_that_waits_for_a_lock_says_who_holds_it() {
    let siege = Siege::begin().await;
    let mut holder = siege.system.db.pool.acquire().await.unwrap();
    execute(&mut holder, "begin; lock table tenantry._migrations in exclusive mode").await;
    let pid: i32 =
        sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut *holder).await.unwrap();

    let up = siege.system.cli(&["migrate", "public", "up"]).await;
    execute(&mut holder, "rollback").await;
    let again = siege.system.cli(&["migrate", "public", "up"]).await;

    assert_eq!(up.code, Some(1), "{}\n{}", up.out, up.err);
    assert!(up.err.contains(&format!("session {pid} of role")), "{}", up.err);
    assert!(up.err.contains(&format!("pg_terminate_backend({pid})")), "{}", up.err);
    assert_eq!(again.code, Some(0), "{}\n{}", again.out, again.err);
}
