//! One bad item never harms another, however many there are.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::{Method, header::CONTENT_TYPE};
use serde_json::{Value, json};

use super::support::{System, orphans, roles, schemas, tenant};

const STEPS: [&str; 8] = [
    "create_role",
    "create_schema",
    "apply_migrations",
    "grant_access",
    "write_own_row",
    "verify",
    "issue_key",
    "activate",
];

/// Place in the batch, what is wrong there, and the code for it.
fn bad_items() -> Vec<(usize, Value, &'static str)> {
    let good = |number: usize, field: &str, value: Value| {
        let mut item = tenant(number);
        item[field] = value;
        item
    };
    vec![
        (0, json!({"tenant_name": "No domain"}), "missing_field"),
        (17, good(17, "domain", json!("-a.example")), "invalid_domain"),
        (123, good(123, "schema_name", json!("no good")), "invalid_schema_name"),
        (300, good(300, "schema_name", json!("Public")), "reserved_schema_name"),
        (301, good(301, "tenant_name", json!("bell \u{7}")), "invalid_tenant_name"),
        (302, good(302, "colour", json!("red")), "unknown_field"),
        (555, good(555, "settings", json!({"features": ["teleport"]})), "unknown_feature"),
        (700, good(700, "settings", json!({"limits": {"users": 1_000_000}})), "limit_too_high"),
        (800, good(800, "external_id", json!("")), "invalid_external_id"),
        (999, good(999, "domain", json!("T42.Example.COM.")), "duplicate_in_batch"),
    ]
}

fn lines(bad: &[(usize, Value, &'static str)]) -> String {
    let bad: BTreeMap<_, _> = bad.iter().map(|(at, item, _)| (*at, item.clone())).collect();
    let items = (0..1000).map(|n| bad.get(&n).cloned().unwrap_or_else(|| tenant(n)));
    items.map(|item| format!("{item}\n")).collect()
}

#[tokio::test]
async fn of_1000_items_10_bad_ones_fail_with_their_codes_and_990_become_tenants() {
    let system = System::start(2).await;
    let bad = bad_items();

    let request = system.client.request(Method::POST, "/api/v1/tenants/batch");
    let request = request.header(CONTENT_TYPE, "application/x-ndjson").body(lines(&bad));
    let accepted = system.client.send(request).await;
    let batch = accepted.json(202)["batch_id"].as_str().unwrap().to_owned();
    let over = system.finished(&batch).await;
    let results = system.results(&batch).await;

    assert_eq!(accepted.header("location"), Some(&*format!("/api/v1/batches/{batch}")));
    assert_eq!(over["state"], "completed_with_failures");
    assert_eq!(over["progress"]["total"], 1000);
    assert_eq!(over["progress"]["succeeded"], 990);
    assert_eq!(over["progress"]["failed"], 10);
    assert_eq!(over["progress"]["percent"], 100.0);
    assert_results(&results, &bad);
    assert_eq!(schemas(&system.db.pool).await.len(), 990);
    assert_eq!(roles(&system.db.pool).await.len(), 990);
    assert_eq!(system.count("select count(*) from tenantry.api_keys").await, 990);
    assert_eq!(orphans(&system.db.pool).await, Vec::<String>::new());
    let events = "select count(*) from tenantry.outbox where kind = 'operation.finished'";
    assert_eq!(system.count(events).await, 1);
}

fn assert_results(results: &[Value], bad: &[(usize, Value, &'static str)]) {
    assert_eq!(results.len(), 1000);
    let mut names = BTreeSet::new();
    for (index, result) in results.iter().enumerate() {
        assert_eq!(result["index"], index);
        if let Some((_, _, code)) = bad.iter().find(|(at, _, _)| *at == index) {
            assert_eq!(result["status"], "failed", "{result}");
            assert_eq!(result["error"]["code"], *code, "{result}");
            assert_eq!(result["error"]["retryable"], false);
            assert_eq!((&result["tenant_id"], &result["steps"]), (&Value::Null, &json!([])));
        } else {
            assert_active(result);
            assert!(names.insert(result["schema_name"].as_str().unwrap()), "{result}");
        }
    }
    let duplicate = results[999]["error"]["message"].as_str().unwrap();
    assert!(duplicate.contains("item 42"), "{duplicate}");
}

fn assert_active(result: &Value) {
    assert_eq!(result["status"], "succeeded", "{result}");
    assert_eq!(result["attempts"], 1, "{result}");
    assert_eq!(result["error"], Value::Null);
    let steps = result["steps"].as_array().unwrap();
    let names: Vec<_> = steps.iter().map(|step| step["name"].as_str().unwrap()).collect();
    assert_eq!(names, STEPS, "{result}");
    for step in steps {
        assert_eq!(step["state"], "done", "{result}");
        assert!(step["duration_ms"].as_f64().is_some_and(|ms| ms >= 0.0), "{result}");
    }
}
