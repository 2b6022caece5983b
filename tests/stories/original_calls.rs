//! The four calls of the original API: as its callers wrote them (`tests/original`), and under
//! `/api/v1`.

use reqwest::Method;
use serde_json::{Value, json};

use super::support::{Answer, System, keys_of, tenant};

/// Their environment file.
const ENVIRONMENT: &str = include_str!("../original/environment");

/// What they read of a tenant's result.
const RESULT: [&str; 8] = [
    "api_key",
    "domain",
    "error",
    "error_code",
    "schema_name",
    "status",
    "tenant_id",
    "tenant_name",
];

/// Both places where calls answer that make nothing.
const PREFIXES: [&str; 2] = ["/api/v1", "/api"];

const WAIT: (&str, &str) = ("prefer", "wait=30");

const BATCH: [&str; 13] = [
    "batch_id",
    "created_at",
    "error",
    "finished_at",
    "links",
    "mode",
    "paused",
    "processing_time_ms",
    "progress",
    "run_at",
    "started_at",
    "state",
    "waiting_for",
];

const PROGRESS: [&str; 11] = [
    "cancelled",
    "eta_seconds",
    "failed",
    "percent",
    "queued",
    "retrying",
    "rolled_back",
    "running",
    "succeeded",
    "tenants_per_second",
    "total",
];

fn assert_accepted(answer: &Answer) {
    let batch = answer.json(202);
    assert_eq!(keys_of(&batch), BATCH);
    assert_eq!(keys_of(&batch["progress"]), PROGRESS);
    assert_eq!(batch["mode"], "independent");
    let id = batch["batch_id"].as_str().unwrap();
    assert_eq!(answer.header("location"), Some(&*format!("/api/v1/batches/{id}")));
}

fn assert_success(result: &Value, name: &str, domain: &str) {
    let fields = ["api_key", "domain", "schema_name", "status", "tenant_id", "tenant_name"];
    assert_eq!(keys_of(result), fields);
    assert_eq!((&result["tenant_name"], &result["domain"]), (&name.into(), &domain.into()));
    assert_eq!(result["status"], "success");
    assert!(result["tenant_id"].is_i64(), "{result}");
    assert!(result["api_key"].as_str().is_some_and(|key| key.starts_with("tk_tenant")), "{result}");
    assert!(result["schema_name"].as_str().is_some_and(|s| s.starts_with("tenant_")), "{result}");
}

#[tokio::test]
async fn a_batch_is_accepted_at_once_and_its_results_are_read_later() {
    let system = System::start(1).await;

    let prefix = "/api/v1";
    for number in [0, 1] {
        let body = json!({"tenants": [{
            "tenant_name": "Demo Company", "domain": format!("demo{number}.example.com"),
            "schema_name": format!("demo_company_{number}"), "description": "For the demo",
            "settings": {"features": ["basic", "analytics"], "limits": {"users": 50},
                "metadata": {"plan": "gold"}},
        }]});
        let answer = system.client.post(&format!("{prefix}/tenants/batch"), &body, &[]).await;

        assert_accepted(&answer);
        let id = answer.json(202)["batch_id"].as_str().unwrap().to_owned();
        system.finished(&id).await;
        let page = system.client.get(&format!("{prefix}/batches/{id}/results")).await.json(200);
        assert_eq!(keys_of(&page), ["next_cursor", "results"]);
        let result = &page["results"][0];
        let fields = [
            "attempts",
            "domain",
            "error",
            "index",
            "schema_name",
            "status",
            "steps",
            "tenant_id",
            "tenant_name",
        ];
        assert_eq!(keys_of(result), fields);
        assert_eq!(result["status"], "succeeded", "{result}");
        assert_eq!(result["schema_name"], format!("demo_company_{number}"));
        assert_eq!(keys_of(&result["steps"][0]), ["duration_ms", "name", "state"]);
    }
}

#[tokio::test]
async fn a_batch_that_is_waited_for_answers_with_the_original_result_form() {
    let system = System::start(1).await;

    let prefix = "/api/v1";
    for number in [0, 1] {
        let domain = format!("t{number}.example.com");
        let body = json!({"tenants": [
            tenant(number), {"tenant_name": "Bad", "domain": "localhost"},
        ]});
        let answer = system.client.post(&format!("{prefix}/tenants/batch"), &body, &[WAIT]).await;

        let form = answer.json(200);
        assert_eq!(keys_of(&form), ["batch_id", "message", "results", "success", "summary"]);
        assert_eq!(form["success"], false);
        assert!(form["message"].is_string());
        let fields = ["failed", "processing_time_ms", "successful", "total_requested"];
        assert_eq!(keys_of(&form["summary"]), fields);
        assert_eq!(form["summary"]["total_requested"], 2);
        assert_eq!(form["summary"]["successful"], 1);
        assert_eq!(form["summary"]["failed"], 1);
        assert!(form["summary"]["processing_time_ms"].is_u64(), "{form}");
        assert_success(&form["results"][0], &format!("Tenant {number}"), &domain);
        let failed = &form["results"][1];
        assert_eq!((&failed["status"], &failed["api_key"]), (&json!("error"), &Value::Null));
        assert!(failed["error"].to_string().contains("invalid_domain"), "{failed}");
        assert_eq!(answer.header("preference-applied"), Some("wait=30"));
    }
}

#[tokio::test]
async fn a_batch_that_all_succeeds_says_so() {
    let system = System::start(1).await;

    let body = json!({"tenants": [tenant(0), tenant(1)]});
    let form = system.client.post("/api/v1/tenants/batch", &body, &[WAIT]).await.json(200);

    assert_eq!(form["success"], true);
    assert_eq!(form["summary"]["successful"], 2);
}

#[tokio::test]
async fn a_wait_that_is_too_short_is_answered_with_the_batch() {
    let system = System::start(0).await;

    let body = json!({"tenants": [tenant(0)]});
    let answer = system.client.post("/api/v1/tenants/batch", &body, &[("prefer", "wait=1")]).await;

    assert_accepted(&answer);
}

#[tokio::test]
async fn one_tenant_is_accepted_at_once_or_waited_for() {
    let system = System::start(1).await;

    let prefix = "/api/v1";
    for number in [0, 1] {
        let path = format!("{prefix}/tenants");
        let later = system.client.post(&path, &tenant(number), &[]).await;
        let now = system.client.post(&path, &tenant(10 + number), &[WAIT]).await;

        assert_accepted(&later);
        let made = now.json(201);
        let id = made["tenant_id"].as_i64().unwrap();
        assert_eq!(now.header("location"), Some(&*format!("/api/v1/tenants/{id}")));
        assert_eq!(made["tenant_name"], format!("Tenant {}", 10 + number));
        assert_eq!(made["status"], "active");
        assert_eq!(made["domain"], format!("t{}.example.com", 10 + number));
        assert!(made["api_key"].as_str().is_some_and(|key| key.starts_with("tk_")), "{made}");
        assert!(made["schema_name"].is_string());
    }
    let taken = system.client.post("/api/v1/tenants", &tenant(10), &[WAIT]).await;
    assert_eq!(taken.problem(409), "domain_taken");
    let bad = json!({"tenant_name": "Bad", "domain": "a-.com"});
    let bad = system.client.post("/api/v1/tenants", &bad, &[]).await;
    assert_eq!(bad.problem(422), "invalid_domain");
    assert_eq!(bad.json(422)["errors"][0]["pointer"], "/domain");
}

#[tokio::test]
async fn status_and_list_have_the_original_fields() {
    let system = System::start(1).await;
    let made = system.provision((0..3).map(tenant).collect()).await;
    let id = made[1]["tenant_id"].as_i64().unwrap();

    for prefix in PREFIXES {
        let status = system.client.get(&format!("{prefix}/tenants/{id}/status")).await.json(200);
        let page = system.client.get(&format!("{prefix}/tenants?page=1&limit=50")).await.json(200);
        let second = system.client.get(&format!("{prefix}/tenants?page=2&limit=2")).await.json(200);

        let fields = [
            "checked_at",
            "created_at",
            "last_activity",
            "migration_version",
            "schema_status",
            "status",
            "tenant_id",
            "tenant_name",
        ];
        assert_eq!(keys_of(&status), fields);
        assert_eq!((&status["tenant_id"], &status["status"]), (&id.into(), &"active".into()));
        assert_eq!(status["tenant_name"], "Tenant 1");
        assert_eq!(status["migration_version"], "0002");
        assert_eq!(
            (&status["schema_status"], &status["last_activity"]),
            (&json!("provisioned"), &Value::Null)
        );
        for field in ["limit", "next_cursor", "page", "tenants", "total"] {
            assert!(page.get(field).is_some(), "{field}: {page}");
        }
        assert_eq!(
            (&page["page"], &page["limit"], &page["total"]),
            (&1.into(), &50.into(), &3.into())
        );
        assert_eq!(page["tenants"].as_array().unwrap().len(), 3);
        assert_eq!(page["tenants"][1]["tenant_id"], id);
        assert_eq!(second["tenants"].as_array().unwrap().len(), 1);
        assert_eq!(second["tenants"][0]["tenant_id"], made[2]["tenant_id"]);
    }
    let unknown = system.client.get("/api/v1/tenants/987654321/status").await;
    assert_eq!(unknown.problem(404), "tenant_not_found");
}

/// `body` as it is.
async fn post_raw(system: &System, path: &str, body: &'static str) -> Answer {
    let request =
        system.client.request(Method::POST, path).header("content-type", "application/json");
    system.client.send(request.body(body)).await
}

#[tokio::test]
async fn the_originals_requests_succeed_byte_for_byte_with_their_environment() {
    let environment: Vec<(&str, &str)> =
        ENVIRONMENT.lines().map(|line| line.split_once('=').unwrap()).collect();
    let system = System::configured(1, &environment).await;

    let batch = include_str!("../original/batch.json");
    let batch = post_raw(&system, "/api/tenants/batch", batch).await.json(200);
    let single = include_str!("../original/single.json");
    let single = post_raw(&system, "/api/tenants", single).await.json(201);
    let status = system.client.get("/api/tenants/1/status").await.json(200);

    assert_eq!((&batch["success"], &batch["summary"]["successful"]), (&json!(true), &json!(2)));
    let made: Vec<Value> = batch["results"].as_array().unwrap().clone();
    assert_eq!(made.iter().map(|it| &it["tenant_id"]).collect::<Vec<_>>(), [1, 2]);
    for (result, name, schema) in [
        (&made[0], "demo_company", "demo_schema"),
        (&made[1], "client_abc", "client_abc_schema"),
        (&single, "new_client", "new_client_schema"),
    ] {
        assert!(RESULT.iter().all(|field| result.get(*field).is_some()), "{result}");
        let read = ["tenant_name", "status", "schema_name"].map(|field| result[field].as_str());
        assert_eq!(read, [Some(name), Some("success"), Some(schema)]);
        assert!(result["api_key"].as_str().unwrap().starts_with("tk_"), "{result}");
        assert_eq!((&result["error"], &result["error_code"]), (&Value::Null, &Value::Null));
    }
    assert_eq!(
        (&status["tenant_name"], &status["status"]),
        (&json!("demo_company"), &json!("active"))
    );
    assert_eq!(status["schema_status"], "provisioned");
    assert!(status["migration_version"].is_string(), "{status}");
}

#[tokio::test]
async fn under_api_a_mistake_is_a_text_with_its_code_beside_it() {
    let system = System::start(1).await;

    let body = json!({"tenants": [tenant(0), {"tenant_name": "Bad", "domain": "localhost"}]});
    let form = system.client.post("/api/tenants/batch", &body, &[]).await.json(200);

    assert_eq!(keys_of(&form), ["batch_id", "message", "results", "success", "summary"]);
    assert_eq!(form["success"], false);
    assert_eq!(keys_of(&form["results"][0]), RESULT);
    let failed = &form["results"][1];
    assert_eq!(
        (&failed["status"], &failed["error_code"]),
        (&json!("error"), &json!("invalid_domain"))
    );
    assert_eq!(failed["error"], "domain needs at least two labels, like example.com");
    let taken = system.client.post("/api/tenants", &tenant(0), &[]).await;
    assert_eq!(taken.problem(409), "domain_taken");
}

#[tokio::test]
async fn under_api_a_create_that_takes_too_long_is_answered_with_what_is_known() {
    let system = System::configured(0, &[("TENANTRY__API__MAX_WAIT_SECS", "1")]).await;

    let body = json!({"tenants": [tenant(0), {"tenant_name": "Bad", "domain": "localhost"}]});
    let batch = system.client.post("/api/tenants/batch", &body, &[]).await;
    let single = system.client.post("/api/tenants", &tenant(1), &[]).await;

    let form = batch.json(202);
    assert_eq!(keys_of(&form), ["batch_id", "message", "results", "success", "summary"]);
    assert_eq!(form["success"], false);
    assert!(form["message"].as_str().unwrap().contains("1 not finished"), "{form}");
    assert_eq!(form["results"].as_array().unwrap().len(), 1);
    assert_eq!(form["results"][0]["error_code"], "invalid_domain");
    let summary = &form["summary"];
    let counts = ["total_requested", "successful", "failed"].map(|field| summary[field].as_u64());
    assert_eq!(counts, [Some(2), Some(0), Some(1)]);
    let id = form["batch_id"].as_str().unwrap();
    assert_eq!(batch.header("location"), Some(&*format!("/api/v1/batches/{id}")));
    let form = single.json(202);
    assert_eq!((&form["success"], &form["results"]), (&json!(false), &json!([])));
}
