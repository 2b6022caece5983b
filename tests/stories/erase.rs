//! What is personal of a tenant is nowhere once it is gone; who did what to it and when still is.

use std::time::Duration;

use localpg::{Binaries, Search};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use super::support::{System, eventually};

/// In every field of the tenant that a caller fills in.
const CANARY: &str = "kanari7q3x9z";

/// The ways a text can be written down: plain, in hexadecimal, and in base64 wherever it begins.
fn writings(text: &str) -> Vec<String> {
    let hex = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let within = (0..3).map(|ahead| {
        let shifted = [vec![b'-'; ahead], text.as_bytes().to_vec()].concat();
        // The first and the last characters depend on what stands beside.
        let encoded = base64(&shifted);
        let inner = &encoded[[0, 2, 3][ahead]..];
        inner[..inner.len() - 4].to_owned()
    });
    [text.to_owned(), hex].into_iter().chain(within).collect()
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |group: u32, place: u32| DIGITS[(group >> (18 - 6 * place) & 63) as usize] as char;
    let group = |chunk: &[u8]| {
        let byte = |n: usize| u32::from(chunk.get(n).copied().unwrap_or_default());
        byte(0) << 16 | byte(1) << 8 | byte(2)
    };
    bytes.chunks(3).map(group).flat_map(|it| (0..4).map(move |place| digit(it, place))).collect()
}

/// What `pg_dump` writes; where the server came without it, every row of every table as text.
async fn dump(system: &System) -> String {
    let pg_dump = Binaries::find(Search::default()).unwrap().dir().join("pg_dump");
    if !pg_dump.exists() {
        return rows(system).await;
    }
    let dumped = tokio::process::Command::new(pg_dump).arg(&system.db.url).output().await.unwrap();
    assert!(dumped.status.success(), "{}", String::from_utf8_lossy(&dumped.stderr));
    String::from_utf8(dumped.stdout).unwrap()
}

async fn rows(system: &System) -> String {
    let tables =
        "select c.oid::regclass::text from pg_class c where c.relkind = 'r' and (c.oid >= 16384
        or c.oid in ('pg_namespace'::regclass, 'pg_authid'::regclass, 'pg_description'::regclass))";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&system.db.pool).await.unwrap();
    let mut text = String::new();
    for table in tables {
        let rows = AssertSqlSafe(format!("select r::text from {table} r"));
        let rows: Vec<String> = sqlx::query_scalar(rows).fetch_all(&system.db.pool).await.unwrap();
        text += &format!("{table}\n{}\n", rows.join("\n"));
    }
    text
}

async fn call(system: &System, method: Method, path: &str, body: Option<Value>) -> Value {
    let mut request = system.client.request(method, path).header("prefer", "wait=30");
    if let Some(body) = body {
        request = request.json(&body);
    }
    let answer = system.client.send(request).await;
    assert!((200..300).contains(&answer.status), "{path}: {}", answer.text);
    serde_json::from_str(&answer.text).unwrap()
}

/// Fills every field, changes it, has an operation of it fail, suspends, holds, rotates.
async fn live(system: &System) -> i64 {
    let made = json!({
        "tenant_name": format!("Name {CANARY}"), "domain": format!("{CANARY}.example.com"),
        "schema_name": format!("s_{CANARY}"), "external_id": format!("ext-{CANARY}"),
        "description": format!("About {CANARY}"), "labels": { "group": CANARY },
        "settings": { "metadata": { "note": CANARY } },
    });
    let made = call(system, Method::POST, "/api/v1/tenants", Some(made)).await;
    let id = made["tenant_id"].as_i64().unwrap();
    let path = |below: &str| format!("/api/v1/tenants/{id}{below}");
    let patch = json!({ "description": format!("Now {CANARY}"), "settings": { "metadata": { "more": CANARY } },
        "labels": { "also": CANARY } });
    call(system, Method::PATCH, &path(""), Some(patch)).await;
    let reason = json!({ "reason": format!("Why {CANARY}") });
    call(system, Method::POST, &path("/suspend"), Some(reason.clone())).await;
    call(system, Method::POST, &path("/resume"), Some(json!({}))).await;
    call(system, Method::PUT, &path("/hold"), Some(reason)).await;
    call(system, Method::DELETE, &path("/hold"), None).await;
    call(system, Method::POST, &path("/keys/rotate"), Some(json!({ "overlap_hours": 1 }))).await;
    // A change that fails says what it was about.
    let other = json!({ "tenant_name": "Other", "domain": "other.example.com" });
    call(system, Method::POST, "/api/v1/tenants", Some(other)).await;
    let row = format!(
        "insert into s_{CANARY}.tenant (id, name, domain) values (0, 'x', 'taken.example.com')"
    );
    sqlx::raw_sql(AssertSqlSafe(row)).execute(&system.db.pool).await.unwrap();
    let patch = json!({ "domain": "taken.example.com", "description": CANARY });
    call(system, Method::PATCH, &path(""), Some(patch)).await;
    id
}

#[tokio::test]
async fn nothing_personal_of_a_tenant_is_left_and_who_did_what_is() {
    let verbose = [("TENANTRY__LOG__FILTER", "info,sqlx=warn")];
    let mut system = System::configured(1, &verbose).await;
    let id = live(&system).await;
    let before = dump(&system).await.to_lowercase();
    assert!(before.matches(CANARY).count() > 10, "the tenant was there");

    let path = format!(
        "/api/v1/tenants/{id}?confirm=Name%20{CANARY}&grace_days=0&name_hold_days=0&reason=Because%20{CANARY}"
    );
    call(&system, Method::DELETE, &path, None).await;
    let tenant = format!("/api/v1/tenants/{id}");
    eventually("the tenant to be gone", Duration::from_secs(60), async || {
        let shown = system.client.get(&tenant).await.json(200);
        (shown["status"] == "deleted").then_some(())
    })
    .await;

    let after = dump(&system).await;
    let audit = system.client.get(&format!("/api/v1/audit?tenant_id={id}&limit=200")).await.text;
    let shown = system.client.get(&tenant).await.text;
    system.workers[0].terminate(Duration::from_secs(40)).await;
    system.api.terminate(Duration::from_secs(40)).await;
    for (what, text) in [
        ("the dump", &after),
        ("the worker's log", &system.workers[0].log()),
        ("the API's log", &system.api.log()),
        ("the audit log", &audit),
        ("the tenant", &shown),
    ] {
        assert!(text.len() > 100, "{what} is there");
        for writing in writings(CANARY) {
            let at =
                text.find(&writing).or_else(|| text.to_lowercase().find(&writing.to_lowercase()));
            let around =
                at.map(|at| text[at.saturating_sub(300)..].chars().take(600).collect::<String>());
            assert_eq!(around, None, "`{writing}` is in {what}");
        }
    }
    for action in [
        "operation.submitted",
        "tenant.updated",
        "tenant.suspended",
        "tenant.held",
        "tenant.deleted",
    ] {
        assert!(audit.contains(action), "{action} is in the audit log: {audit}");
    }
    assert!(audit.contains("operator:story-"), "{audit}");
}

#[test]
fn a_text_is_found_in_base64_wherever_it_begins() {
    for ahead in ["", "a", "ab", "abc", "abcd"] {
        let whole = base64(format!("{ahead}{CANARY} and more").as_bytes());
        assert!(writings(CANARY).iter().any(|writing| whole.contains(writing)), "{ahead}: {whole}");
    }
}
