//! The four calls of the original API, as its callers wrote them.

use serde_json::{Value, json};

use super::support::{Answer, System, keys_of, tenant};

/// Both places where the routes answer.
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

    for (number, prefix) in PREFIXES.iter().enumerate() {
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

    for (number, prefix) in PREFIXES.iter().enumerate() {
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

    for (number, prefix) in PREFIXES.iter().enumerate() {
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
        assert_eq!(status["migration_version"], 2);
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
