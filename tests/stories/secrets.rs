//! An API key is shown by `reveal`, and nowhere else, ever.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::support::{Revealed, System, eventually, tenants};

/// Everything a table holds as text; bytes come as hex.
const TABLES: &str = "select format('%I.%I', schemaname, tablename) from pg_tables
    where schemaname in ('tenantry', 'apalis') order by 1";

/// Every row of every table of Tenantry and of the queue.
async fn every_row(system: &System) -> Vec<String> {
    let pool = &system.db.pool;
    let tables: Vec<String> = sqlx::query_scalar(TABLES).fetch_all(pool).await.unwrap();
    assert!(tables.len() > 10, "{tables:?}");
    let mut rows = Vec::new();
    for table in tables {
        let sql = format!("select '{table}: ' || to_jsonb(t)::text from {table} t");
        let found: Vec<String> =
            sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(pool).await.unwrap();
        rows.extend(found);
    }
    rows
}

/// The part of a key that nobody may know: 32 characters before the 6 of the checksum.
fn random_part(key: &str) -> &str {
    &key[key.len() - 38..key.len() - 6]
}

/// The ways a secret could be written down.
fn writings(secret: &str) -> [String; 2] {
    [secret.to_owned(), secret.bytes().map(|byte| format!("{byte:02x}")).collect()]
}

fn assert_nowhere<'a>(secrets: &[String], texts: impl Iterator<Item = &'a String>) {
    for text in texts {
        for secret in secrets {
            assert!(!text.contains(secret.as_str()), "`{secret}` is in: {text}");
        }
    }
}

fn secrets_of(system: &System, keys: &[Revealed]) -> Vec<String> {
    let random = keys.iter().map(|key| random_part(&key.key));
    let others = [system.token.as_str(), system.env["TENANTRY_MASTER_KEY"].as_str()];
    random.chain(others).flat_map(writings).collect()
}

/// The keys of a result form, by tenant.
fn shown_in(form: &Value) -> Vec<Revealed> {
    let results = form["results"].as_array().unwrap().iter();
    let mut keys: Vec<_> = results
        .map(|result| Revealed {
            tenant: result["tenant_id"].as_i64().unwrap(),
            key: result["api_key"].as_str().unwrap().to_owned(),
        })
        .collect();
    keys.sort();
    keys
}

#[tokio::test]
async fn keys_are_in_no_row_and_no_log_and_gone_once_acknowledged() {
    let verbose = [("TENANTRY__LOG__FILTER", "debug")];
    let mut system = System::configured(1, &verbose).await;
    let headers = [("prefer", "wait=60"), ("idempotency-key", "twenty")];
    let body = json!({ "tenants": tenants(20) });

    let form = system.client.post("/api/v1/tenants/batch", &body, &headers).await.json(200);
    let batch = form["batch_id"].as_str().unwrap().to_owned();
    let keys = system.reveal(&batch).await;

    assert_eq!(shown_in(&form), keys);
    assert_eq!(keys.len(), 20);
    let secrets = secrets_of(&system, &keys);
    let before = every_row(&system).await;
    assert_nowhere(&secrets, before.iter());
    let sealed = "select count(*) from tenantry.api_keys where sealed is not null";
    assert_eq!(system.count(sealed).await, 20);

    let path = format!("/api/v1/batches/{batch}/api-keys");
    assert_eq!(system.client.delete(&path).await.status, 200);

    assert_eq!(system.reveal(&batch).await, Vec::new());
    assert_eq!(system.count(sealed).await, 0);
    assert_nowhere(&secrets, every_row(&system).await.iter());
    let get = system.client.get(&format!("/api/v1/batches/{batch}/results")).await;
    let list = system.client.get("/api/v1/tenants").await;
    let again = system.client.post("/api/v1/tenants/batch", &body, &headers).await;
    assert_nowhere(&secrets, [get.text, list.text, again.text].iter());
    system.workers[0].terminate(Duration::from_secs(40)).await;
    system.api.terminate(Duration::from_secs(40)).await;
    let logs = [system.workers[0].log(), system.api.log()];
    assert!(logs.iter().all(|log| log.len() > 1000), "they logged something");
    assert_nowhere(&secrets, logs.iter());
}

#[tokio::test]
async fn every_reveal_is_audited_with_who_from_where_and_by_which_request() {
    let system = System::start(1).await;
    let made = system.provision(tenants(3)).await;
    let batch: String = sqlx::query_scalar("select id::text from tenantry.operations")
        .fetch_one(&system.db.pool)
        .await
        .unwrap();
    let alice = system.client.with_token(&system.make_token("alice", "operator").await);

    let path = format!("/api/v1/batches/{batch}/api-keys/reveal");
    let request = alice.request(Method::POST, &path).header("x-request-id", "req-0815");
    let answer = alice.send(request).await;

    assert_eq!(answer.json(200)["keys"].as_array().unwrap().len(), 3);
    assert_eq!(answer.header("x-request-id"), Some("req-0815"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let rows: Vec<String> = sqlx::query_scalar(
        "select concat_ws(' ', tenant_id, actor, address, request_id, operation_id)
         from tenantry.audit_log where action = 'keys.revealed' order by tenant_id",
    )
    .fetch_all(&system.db.pool)
    .await
    .unwrap();
    let expected = made
        .iter()
        .map(|tenant| format!("{} operator:alice 127.0.0.1 req-0815 {batch}", tenant["tenant_id"]));
    assert_eq!(rows, expected.collect::<Vec<_>>());
}

#[tokio::test]
async fn a_tenant_is_audited_from_submission_to_activation_and_the_audit_cannot_be_changed() {
    let system = System::start(1).await;
    system.provision(tenants(1)).await;
    let pool = &system.db.pool;
    // A query that is planned while the first sweep moves rows into their month misses them.
    let moved = "select count(*) from pg_inherits where inhparent = 'tenantry.audit_log'::regclass";
    eventually("the months of the audit log", Duration::from_secs(60), async || {
        (system.count(moved).await > 1).then_some(())
    })
    .await;

    let told: Vec<String> = sqlx::query_scalar(
        "select concat_ws(' ', split_part(l.actor, ':', 1), l.action, t.name)
         from tenantry.audit_log l left join tenantry.tenants t on t.id = l.tenant_id
         where l.operation_id = (select id from tenantry.operations) order by l.id",
    )
    .fetch_all(pool)
    .await
    .unwrap();

    let name: String =
        sqlx::query_scalar("select name from tenantry.tenants").fetch_one(pool).await.unwrap();
    assert_eq!(
        told,
        ["operator operation.submitted".into(), format!("worker tenant.activated {name}")]
    );
    for sql in [
        "update tenantry.audit_log set actor = 'nobody'",
        "delete from tenantry.audit_log",
        "truncate tenantry.audit_log",
    ] {
        assert!(sqlx::query(sql).execute(pool).await.is_err(), "{sql}");
    }
}
