//! A deleted tenant is out at once, comes back whole as long as its grace lasts, and then is gone: all of it, and nothing
//! of anybody else's.

use std::time::{Duration, Instant};

use harness::Db;
use localpg::{Cluster, Options};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, ConnectOptions as _, PgConnection, postgres::PgConnectOptions};

use super::support::{System, environment, eventually, installation, run, tell, tenant};

const LONG: Duration = Duration::from_secs(120);

/// A tenant that is there.
struct Made {
    id: i64,
    role: String,
    schema: String,
}

impl Made {
    async fn of(system: &System, request: Value) -> Self {
        let made = system.provision(vec![request]).await.remove(0);
        let id = made["tenant_id"].as_i64().unwrap();
        let role = format!("tn_{}_{id}", installation(&system.db.pool).await);
        Self { id, role, schema: made["schema_name"].as_str().unwrap().to_owned() }
    }

    fn path(&self, below: &str) -> String {
        format!("/api/v1/tenants/{}{below}", self.id)
    }

    async fn shown(&self, system: &System) -> Value {
        system.client.get(&self.path("")).await.json(200)
    }

    async fn log_in(&self, system: &System) -> sqlx::Result<PgConnection> {
        use std::str::FromStr as _;
        PgConnectOptions::from_str(&system.db.url)?.username(&self.role).connect().await
    }

    /// Whether schema and role are there.
    async fn is_there(&self, system: &System) -> (bool, bool) {
        sqlx::query_as("select to_regnamespace($1) is not null, to_regrole($2) is not null")
            .bind(&self.schema)
            .bind(&self.role)
            .fetch_one(&system.db.pool)
            .await
            .unwrap()
    }

    async fn ends_as(&self, system: &System, status: &str) -> Value {
        eventually(&format!("tenant {} to be {status}", self.id), LONG, async || {
            let shown = self.shown(system).await;
            (shown["status"] == status).then_some(shown)
        })
        .await
    }
}

async fn call(system: &System, method: Method, path: &str) -> super::support::Answer {
    let request = system.client.request(method, path).header("prefer", "wait=30");
    system.client.send(request).await
}

/// The newest operation of this kind, and its only item once that is in this state.
async fn item(system: &System, kind: &str, state: &str) -> (String, Value) {
    eventually(&format!("the {kind} to be {state}"), LONG, async || {
        let path = format!("/api/v1/operations?kind={kind}&limit=1");
        let listed = system.client.get(&path).await.json(200);
        let id = listed["operations"][0]["operation_id"].as_str()?.to_owned();
        let path = format!("/api/v1/operations/{id}/items");
        let items = system.client.get(&path).await.json(200);
        (items["items"][0]["status"] == state).then(|| (id, items["items"][0].clone()))
    })
    .await
}

#[tokio::test]
async fn within_its_grace_a_tenant_is_out_and_comes_back_as_it_was() {
    let system = System::start(1).await;
    let it = Made::of(&system, tenant(1)).await;
    let confirm = "?confirm=Tenant%201";
    let delete = async |query: &str| call(&system, Method::DELETE, &it.path(query)).await;
    assert_eq!(delete("").await.problem(422), "confirmation_required");
    assert_eq!(delete("?confirm=tenant%201").await.problem(422), "wrong_confirmation");
    assert_eq!(delete("?confirm=Tenant%201&grace_days=366").await.problem(422), "invalid_field");
    assert_eq!(delete("?confirm=Tenant%201&dry_run=true").await.problem(400), "unknown_parameter");
    assert_eq!(delete("?confirm=Tenant%201&grace=0").await.problem(400), "unknown_parameter");
    let hold = call(&system, Method::PUT, &it.path("/hold?until=tomorrow")).await;
    assert_eq!(hold.problem(400), "unknown_parameter");
    call(&system, Method::PUT, &it.path("/deletion-protection")).await.json(200);
    assert_eq!(delete(confirm).await.problem(409), "deletion_protected");
    let unprotected = call(&system, Method::DELETE, &it.path("/deletion-protection")).await;
    assert_eq!(unprotected.json(200)["deletion_protected"], false);

    let deleted = delete("?confirm=Tenant%201&reason=asked%20for").await.json(200);

    assert_eq!(deleted["state"], "completed", "{deleted}");
    let shown = it.shown(&system).await;
    assert_eq!(
        (&shown["status"], &shown["deletion"]["reason"]),
        (&json!("deleting"), &json!("asked for"))
    );
    let purge_at: chrono::DateTime<chrono::Utc> =
        shown["deletion"]["purge_at"].as_str().unwrap().parse().unwrap();
    let days = (purge_at - chrono::Utc::now()).num_hours();
    assert!((166..=168).contains(&days), "7 days by default: {shown}");
    assert!(it.log_in(&system).await.is_err());
    let suspend = system.client.post(&it.path("/suspend"), &json!({}), &[]).await;
    assert_eq!(suspend.problem(409), "wrong_tenant_state");
    let again = system.client.post("/api/v1/tenants", &tenant(1), &[("prefer", "wait=30")]).await;
    assert_eq!(again.problem(409), "domain_taken", "its names stay its own");

    let restored =
        system.client.post(&it.path("/undelete"), &json!({}), &[("prefer", "wait=30")]).await;

    assert_eq!(restored.json(200)["state"], "completed");
    let shown = it.shown(&system).await;
    assert_eq!((&shown["status"], &shown["deletion"]), (&json!("active"), &Value::Null));
    drop(it.log_in(&system).await.unwrap());
    let undelete = system.client.post(&it.path("/undelete"), &json!({}), &[]).await;
    assert_eq!(undelete.problem(409), "wrong_tenant_state");
    assert!(system.examine().await.out.contains("nothing is wrong"));
}

#[tokio::test]
async fn a_suspended_tenant_that_is_undeleted_is_still_suspended() {
    let system = System::start(1).await;
    let it = Made::of(&system, tenant(1)).await;
    let wait = [("prefer", "wait=30")];
    system.client.post(&it.path("/suspend"), &json!({ "reason": "unpaid" }), &wait).await.json(200);

    call(&system, Method::DELETE, &it.path("?confirm=Tenant%201")).await.json(200);
    system.client.post(&it.path("/undelete"), &json!({}), &wait).await.json(200);

    assert_eq!(it.shown(&system).await["status"], "suspended");
    assert!(it.log_in(&system).await.is_err());
    system.client.post(&it.path("/resume"), &json!({}), &wait).await.json(200);
    drop(it.log_in(&system).await.unwrap());
}

#[tokio::test]
async fn after_its_grace_a_tenant_is_gone_and_its_names_are_free_when_their_hold_is_over() {
    let system = System::start(2).await;
    let (it, beside) = (Made::of(&system, tenant(1)).await, Made::of(&system, tenant(2)).await);
    call(&system, Method::PUT, &it.path("/hold")).await.json(200);

    let query = "?confirm=Tenant%201&grace_days=0&name_hold_days=1";
    call(&system, Method::DELETE, &it.path(query)).await.json(200);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(it.shown(&system).await["status"], "deleting", "a hold stops the clock");
    call(&system, Method::DELETE, &it.path("/hold")).await.json(200);

    it.ends_as(&system, "deleted").await;
    assert_eq!(it.is_there(&system).await, (false, false));
    assert_eq!(beside.is_there(&system).await, (true, true));
    let wait = [("prefer", "wait=30")];
    let again = system.client.post("/api/v1/tenants", &tenant(1), &wait).await;
    assert_eq!(again.problem(409), "domain_taken");
    let report = system.client.get(&it.path("/erase-report")).await.json(200);
    assert!(report["asked_by"].as_str().unwrap().starts_with("operator:story-"), "{report}");
    assert!(report["remains"][0]["until"].is_string(), "{report}");
    let told = system.cli_at_api(&["tenant", "erase-report", &it.id.to_string()]).await;
    assert!(told.out.contains("was dropped and erased"), "{told:?}");
    let late = system.client.post(&it.path("/undelete"), &json!({}), &[]).await;
    assert_eq!(late.problem(409), "wrong_tenant_state");

    let over =
        "update tenantry.tenants set names_held_until = now() where names_held_until is not null";
    sqlx::query(over).execute(&system.db.pool).await.unwrap();
    eventually("the names to be free", Duration::from_secs(120), async || {
        let held = "select count(*) from tenantry.tenants where names_held_until is not null";
        (system.count(held).await == 0).then_some(())
    })
    .await;
    system.client.post("/api/v1/tenants", &tenant(1), &wait).await.json(201);
    assert!(system.examine().await.out.contains("nothing is wrong"));
}

#[tokio::test]
async fn what_is_somebody_elses_is_named_and_stops_the_drop_before_anything_is_lost() {
    let system = System::start(1).await;
    let it = Made::of(&system, tenant(1)).await;
    let run = async |sql: String| {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&system.db.pool).await.unwrap();
    };
    let schema = &it.schema;
    run(format!(
        "create schema beside; create view beside.report as select * from {schema}.tenant"
    ))
    .await;

    call(&system, Method::DELETE, &it.path("?confirm=Tenant%201&grace_days=0")).await.json(200);
    let (_, stuck) = item(&system, "purge", "stuck").await;

    assert_eq!(stuck["error"]["code"], "not_ours", "{stuck}");
    let message = stuck["error"]["message"].as_str().unwrap();
    assert!(message.contains("view beside.report needs table"), "{message}");
    assert_eq!(it.is_there(&system).await, (true, true));
    let wait = [("prefer", "wait=30")];
    let restored = system.client.post(&it.path("/undelete"), &json!({}), &wait).await.json(200);
    assert_eq!(restored["state"], "completed", "nothing is lost yet: {restored}");
    drop(it.log_in(&system).await.unwrap());

    call(&system, Method::DELETE, &it.path("?confirm=Tenant%201&grace_days=0")).await.json(200);
    let (operation, _) = item(&system, "purge", "stuck").await;
    run("drop view beside.report".to_owned()).await;
    let path = format!("/api/v1/operations/{operation}/items/0/retry");
    system.client.post(&path, &json!({}), &[]).await.json(202);
    it.ends_as(&system, "deleted").await;
    assert_eq!(it.is_there(&system).await, (false, false));
}

#[tokio::test]
async fn a_drop_that_a_long_transaction_kept_from_happening_is_tried_again_when_that_is_over() {
    let once = [("TENANTRY__WORKER__MAX_ATTEMPTS", "1")];
    let system = System::configured(1, &once).await;
    let it = Made::of(&system, tenant(1)).await;
    let mut reader = system.db.pool.begin().await.unwrap();
    let read = format!("select from {}.person", it.schema);
    sqlx::raw_sql(AssertSqlSafe(read)).execute(&mut *reader).await.unwrap();

    call(&system, Method::DELETE, &it.path("?confirm=Tenant%201&grace_days=0")).await.json(200);
    let (_, stuck) = item(&system, "purge", "stuck").await;
    assert_eq!(stuck["error"]["code"], "timed_out", "{stuck}");
    reader.rollback().await.unwrap();
    let later =
        "update tenantry.operation_items set finished_at = finished_at - interval '11 minutes'
                 where state = 'stuck'";
    sqlx::raw_sql(later).execute(&system.db.pool).await.unwrap();

    it.ends_as(&system, "deleted").await;
    assert_eq!(it.is_there(&system).await, (false, false));
}

/// Tables of a large tenant; `LARGE_TENANT_TABLES` asks for another number.
const TABLES: usize = 400;

#[tokio::test]
async fn a_tenant_of_hundreds_of_tables_goes_from_a_server_with_few_locks() {
    let tables = std::env::var("LARGE_TENANT_TABLES").ok().map_or(TABLES, |n| n.parse().unwrap());
    let dir = tempfile::Builder::new().prefix("tenantry-large.").tempdir().unwrap();
    let options = Options { tuned: false, ..Options::new(dir.path().join("pg")) };
    let cluster = tokio::task::spawn_blocking(|| Cluster::start(options)).await.unwrap().unwrap();
    cluster.ensure_database("app").unwrap();
    let url = cluster.url("app");
    let env = environment(&url, &[]);
    let migrated = run("tenantry", &["migrate", "public", "up"], dir.path(), &env, LONG).await;
    assert_eq!(migrated.code, Some(0), "{}", migrated.err);
    let system = System::on(Db::at(&url), &url, 1, &[]).await;
    let it = Made::of(&system, tenant(1)).await;
    let slots = "select current_setting('max_locks_per_transaction')::bigint
        * current_setting('max_connections')::bigint";
    assert_eq!(system.count(slots).await, 64 * 100);
    for first in (0..tables).step_by(100) {
        let more = format!(
            "do $$ begin for n in {first}..{} loop
                 execute format('create table {}.t%s (id bigint generated always as identity primary key,
                     up bigint references {}.t%s, body text, unique (body))', n, greatest(n - 1, {first}));
             end loop; end $$",
            (first + 99).min(tables - 1),
            it.schema,
            it.schema,
        );
        sqlx::raw_sql(AssertSqlSafe(more)).execute(&system.db.pool).await.unwrap();
    }

    let began = Instant::now();
    call(&system, Method::DELETE, &it.path("?confirm=Tenant%201&grace_days=0")).await.json(200);
    it.ends_as(&system, "deleted").await;

    tell(&format!("a tenant of {tables} tables was dropped in {:?}", began.elapsed()));
    assert_eq!(it.is_there(&system).await, (false, false));
    let failed = "select count(*) from tenantry.item_attempts";
    assert_eq!(system.count(failed).await, 0, "no try met the end of the locks");
    drop(system);
    tokio::task::spawn_blocking(move || cluster.stop()).await.unwrap().unwrap();
}
