//! A suspended tenant is shut out at once, whatever works on it, and let in again as it was.

use std::{fs, str::FromStr as _, time::Duration};

use serde_json::{Value, json};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions,
};
use tokio::time::Instant;

use super::support::{System, eventually, installation, tenant};

const BASE: &str = "create table account (id bigint primary key, balance numeric not null);\n";

/// A migration that is under way for a while where there is an account.
const SLOW: &str = "select pg_sleep(5 * count(*)) from account;\n\
    alter table account add column note text;\n";

/// `insufficient_privilege`.
const REFUSED: &str = "42501";

/// A tenant, its users' sessions, and what its role may do.
struct Fixture {
    system: System,
    path: String,
    role: String,
    schema: String,
}

impl Fixture {
    async fn with(settings: &[(&str, &str)]) -> Self {
        let system = System::configured(1, settings).await;
        let made = system.provision(vec![tenant(1)]).await.remove(0);
        let id = made["tenant_id"].as_i64().unwrap();
        let role = format!("tn_{}_{id}", installation(&system.db.pool).await);
        let schema = made["schema_name"].as_str().unwrap().to_owned();
        Self { system, path: format!("/api/v1/tenants/{id}"), role, schema }
    }

    async fn log_in(&self) -> sqlx::Result<PgConnection> {
        let options = PgConnectOptions::from_str(&self.system.db.url).unwrap();
        options.username(&self.role).connect().await
    }

    /// A session of the application, which becomes the tenant.
    async fn become_it(&self) -> PgConnection {
        let options = PgConnectOptions::from_str(&self.system.db.url).unwrap();
        let mut conn = options.connect().await.unwrap();
        let become_it = format!("set role {}", self.role);
        sqlx::raw_sql(AssertSqlSafe(become_it)).execute(&mut conn).await.unwrap();
        conn
    }

    async fn tell(&self) -> Value {
        self.system.client.get(&self.path).await.json(200)
    }

    async fn act(&self, act: &str, body: Value) -> Value {
        let path = format!("{}/{act}", self.path);
        self.system.client.post(&path, &body, &[("prefer", "wait=30")]).await.json(200)
    }

    /// The statement is prepared once for each session.
    async fn read(&self, conn: &mut PgConnection) -> sqlx::Result<i64> {
        let count = format!("select count(*) from {}.account", self.schema);
        sqlx::query_scalar(AssertSqlSafe(count)).fetch_one(conn).await
    }

    /// All that the catalogue says of what the role may do.
    async fn rights(&self) -> String {
        sqlx::query_scalar(
            "select concat_ws('/', n.nspacl::text, r.rolcanlogin, r.rolconfig::text,
                 (select string_agg(c.relname || c.relacl::text, ',' order by c.relname)
                  from pg_class c where c.relnamespace = n.oid and c.relname <> 'account'),
                 (select string_agg(d.defaclacl::text, ',' order by d.oid)
                  from pg_default_acl d where d.defaclnamespace = n.oid))
             from pg_namespace n, pg_roles r where n.nspname = $1 and r.rolname = $2",
        )
        .bind(&self.schema)
        .bind(&self.role)
        .fetch_one(&self.system.db.pool)
        .await
        .unwrap()
    }
}

impl Fixture {
    /// The audit log tells the changes by their states, and the reasons where they can be erased.
    async fn is_told_apart(&self) {
        let tenant = self.path.rsplit('/').next().unwrap();
        let path = format!("/api/v1/audit?tenant_id={tenant}&limit=1000");
        let page = self.system.client.get(&path).await.json(200);
        let newest = |action: &str| {
            let rows = page["entries"].as_array().unwrap().iter();
            rows.clone().find(|row| row["action"] == action).unwrap_or_else(|| panic!("{page}"))
        };
        let (suspended, resumed) = (newest("tenant.suspended"), newest("tenant.resumed"));
        let states = |row: &Value| {
            ["before", "after"].map(|when| row["detail"][when]["state"].as_str().map(str::to_owned))
        };
        assert_eq!(states(suspended), ["active", "suspended"].map(|it| Some(it.to_owned())));
        assert_eq!(states(resumed), ["suspended", "active"].map(|it| Some(it.to_owned())));
        assert_eq!(suspended["personal"], json!({ "after": { "reason": "b" } }));
        assert_eq!(resumed["personal"], json!({ "before": { "reason": "a" } }));
        let submitted = newest("operation.submitted");
        let params = json!({ "params": { "reason": "b" } });
        assert_eq!((&submitted["role"], &submitted["personal"]), (&json!("admin"), &params));
    }
}

fn sqlstate(error: &sqlx::Error) -> Option<String> {
    error.as_database_error().and_then(|error| error.code()).map(Into::into)
}

#[tokio::test]
async fn users_are_shut_out_within_a_second_while_a_migration_runs_and_let_in_as_before() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("0001_base.sql"), BASE).unwrap();
    let settings = [("TENANT_MIGRATIONS_DIR", dir.path().to_str().unwrap())];
    let mut it = Fixture::with(&settings).await;
    let (mut own, mut becoming) = (it.log_in().await.unwrap(), it.become_it().await);
    for _ in 0..3 {
        assert_eq!(it.read(&mut own).await.unwrap(), it.read(&mut becoming).await.unwrap());
    }
    let account = format!("insert into {}.account values (1, 0)", it.schema);
    sqlx::query(AssertSqlSafe(account)).execute(&it.system.db.pool).await.unwrap();
    let before = it.rights().await;
    fs::write(dir.path().join("0002_slow.sql"), SLOW).unwrap();
    it.system.workers[0].terminate(Duration::from_secs(30)).await;
    it.system.add_worker(&[]).await;
    let body = json!({ "kind": "migrate", "tenants": [it.tell().await["tenant_id"]],
        "params": { "direction": "up" } });
    let migration = eventually("the new worker to be known", Duration::from_secs(30), async || {
        let answer = it.system.client.post("/api/v1/operations", &body, &[]).await;
        (answer.status != 409).then_some(answer)
    });
    let migration = migration.await.json(202);
    let asleep = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'";
    eventually("the migration to run", Duration::from_secs(30), async || {
        (it.system.count(asleep).await == 1).then_some(())
    })
    .await;

    let why = json!({ "reason": "unpaid" });
    it.system.client.post(&format!("{}/suspend", it.path), &why, &[]).await.json(202);
    let suspended = Instant::now();
    let told = it.tell().await;
    let refusal =
        eventually("the sessions to be refused", Duration::from_secs(10), async || {
            match (it.read(&mut own).await, it.read(&mut becoming).await) {
                (Err(_), Err(error)) => Some(error),
                _ => None,
            }
        })
        .await;
    let took = suspended.elapsed();

    assert_eq!(
        (&told["status"], &told["suspension"]["reason"]),
        (&json!("suspended"), &json!("unpaid"))
    );
    assert_eq!(sqlstate(&refusal).as_deref(), Some(REFUSED), "{refusal}");
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(it.system.count(asleep).await, 1, "the migration still runs");

    let path = format!("/api/v1/operations/{}", migration["operation_id"].as_str().unwrap());
    let migrated = eventually("the migration to be over", Duration::from_secs(60), async || {
        let shown = it.system.client.get(&path).await.json(200);
        shown["finished_at"].is_string().then_some(shown)
    })
    .await;
    assert_eq!(migrated["state"], "completed", "{migrated}");
    it.system.workers[1].terminate(Duration::from_secs(30)).await;
    it.system.add_worker(&[]).await;
    assert_eq!(sqlstate(&it.read(&mut becoming).await.unwrap_err()).as_deref(), Some(REFUSED));
    assert!(it.log_in().await.is_err(), "no new session either");

    let resumed = it.act("resume", json!({})).await;

    assert_eq!(resumed["state"], "completed", "{resumed}");
    assert_eq!(
        (
            it.read(&mut becoming).await.unwrap(),
            it.read(&mut it.log_in().await.unwrap()).await.unwrap()
        ),
        (1, 1)
    );
    assert_eq!(it.rights().await, before);
    let told = it.tell().await;
    assert_eq!((&told["status"], &told["suspension"]), (&json!("active"), &Value::Null));
    let audited = "select count(distinct action) from tenantry.audit_log
                   where action in ('tenant.suspended', 'tenant.resumed')";
    assert_eq!(it.system.count(audited).await, 2);
    assert!(it.system.examine().await.out.contains("nothing is wrong"));
    becoming.close().await.unwrap();
}

#[tokio::test]
async fn a_suspension_ends_by_itself_when_its_time_is_over_and_the_last_word_holds() {
    let it = Fixture::with(&[]).await;
    let client = &it.system.client;
    let soon = chrono::Utc::now() + chrono::Duration::seconds(3);

    it.act("suspend", json!({ "reason": "a", "until": soon })).await;
    assert_eq!(it.tell().await["status"], "suspended");
    eventually("the tenant to be resumed", Duration::from_secs(30), async || {
        (it.tell().await["status"] == "active").then_some(())
    })
    .await;
    eventually("its users to be let in", Duration::from_secs(10), async || it.log_in().await.ok())
        .await;

    it.act("suspend", json!({ "reason": "b" })).await;
    it.is_told_apart().await;
    let again = it.act("suspend", json!({ "reason": "c" })).await;
    assert_eq!(
        (again["state"].as_str(), it.tell().await["suspension"]["reason"].as_str()),
        (Some("completed"), Some("c"))
    );
    let path = format!("/api/v1/operations/{}/cancel", again["operation_id"].as_str().unwrap());
    assert_eq!(client.post(&path, &json!({}), &[]).await.problem(409), "operation_finished");
    it.act("resume", json!({})).await;
    let resume = format!("{}/resume", it.path);
    assert_eq!(client.post(&resume, &json!({}), &[]).await.problem(409), "wrong_tenant_state");
    let nobody = "/api/v1/tenants/4711/suspend";
    assert_eq!(client.post(nobody, &json!({}), &[]).await.problem(404), "tenant_not_found");
    let wrong = json!({ "reason": "" });
    let suspend = format!("{}/suspend", it.path);
    assert_eq!(client.post(&suspend, &wrong, &[]).await.problem(422), "invalid_field");
}

#[tokio::test]
async fn neither_a_paused_queue_nor_a_pause_of_the_operation_keeps_users_in() {
    let it = Fixture::with(&[]).await;
    let client = &it.system.client;
    client.post("/api/v1/queue/pause", &json!({}), &[]).await.json(200);

    let suspended = it.act("suspend", json!({ "reason": "a leak" })).await;

    assert_eq!(suspended["state"], "completed", "{suspended}");
    assert!(it.log_in().await.is_err());
    let id = suspended["operation_id"].as_str().unwrap();
    let pause = client.post(&format!("/api/v1/operations/{id}/pause"), &json!({}), &[]).await;
    assert_eq!(pause.problem(409), "operation_in_effect");
}
