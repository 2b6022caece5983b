//! Whatever goes wrong is a problem with a code; and the description knows every call.

use std::{collections::BTreeSet, time::Duration};

use api::PROBLEM_JSON;
use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use serde_json::json;
use sqlx::postgres::PgPoolOptions;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::support::{App, settings_of, tenants};

#[tokio::test]
async fn every_error_is_a_problem_with_a_code_and_the_requests_id() {
    let app = App::start_with(&[
        ("TENANTRY__API__MAX_BODY_BYTES", "2048"),
        ("MAX_TENANTS_PER_BATCH", "3"),
    ])
    .await;
    let post = |content_type: &str, body: String| {
        app.request(Method::POST, "/tenants/batch")
            .header(header::CONTENT_TYPE, content_type)
            .body(Body::from(body))
            .unwrap()
    };
    let plain = |method: Method, path: &str| app.request(method, path).body(Body::empty()).unwrap();
    let with = |name: &'static str, values: [&'static str; 2]| {
        let mut request = post("application/json", json!({ "tenants": tenants(1) }).to_string());
        for value in values {
            request.headers_mut().append(name, value.parse().unwrap());
        }
        request
    };
    let many = json!({ "tenants": tenants(4) }).to_string();

    for (request, status, code) in [
        (plain(Method::GET, "/nowhere"), 404, "not_found"),
        (plain(Method::PUT, "/batches"), 405, "method_not_allowed"),
        (plain(Method::GET, "/batches/17"), 404, "not_found"),
        (plain(Method::GET, "/tenants/x"), 404, "not_found"),
        (plain(Method::GET, "/tenants?statuz=active"), 400, "unknown_parameter"),
        (plain(Method::GET, "/tenants/1?limit=1"), 400, "unknown_parameter"),
        (plain(Method::POST, "/tenants/batch?mood=atomic"), 400, "unknown_parameter"),
        (plain(Method::GET, "/tenants?limit=1&limit=2"), 400, "invalid_parameter"),
        (plain(Method::GET, "/tenants?limit=abc"), 400, "invalid_parameter"),
        (plain(Method::GET, "/tenants?domain=localhost"), 400, "invalid_parameter"),
        (post("application/json", "{\"tenants\": [}".into()), 400, "malformed_json"),
        (post("application/json", "x".repeat(3000)), 413, "body_too_large"),
        (post("application/json", many), 413, "too_many_tenants"),
        (post("text/csv", "a,b".into()), 415, "unsupported_media_type"),
        (with("content-encoding", ["identity", "gzip"]), 415, "unsupported_media_type"),
        (with("content-type", ["application/json"; 2]), 415, "unsupported_media_type"),
        (with("idempotency-key", ["a", "a"]), 400, "invalid_idempotency_key"),
        (with("host", ["a.example", "b.example"]), 400, "invalid_header"),
        (with("authorization", ["Bearer x", "Bearer y"]), 401, "unauthenticated"),
        (post("application/json", "{}".into()), 422, "missing_field"),
        (
            post(
                "application/json",
                "{\"tenants\":[1],\"run_at\":\"2001-01-01T00:00:00Z\"}".into(),
            ),
            422,
            "invalid_run_at",
        ),
    ] {
        let what = format!("{} {}", request.method(), request.uri());
        let answer = app.send(request).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (status, code), "{what}");
        assert_eq!(answer.headers[header::CONTENT_TYPE], PROBLEM_JSON, "{what}");
        assert!(answer.headers.contains_key("x-request-id"), "{what}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{what}");
        assert_eq!(answer.body["status"], status, "{what}");
    }
}

#[tokio::test]
async fn malformed_json_is_told_its_line_and_column() {
    let app = App::start().await;
    let request = app.request(Method::POST, "/tenants").body("{\n  \"a\": ?}".into()).unwrap();

    let answer = app.send(request).await;

    let detail = answer.body["detail"].as_str().unwrap();
    assert!(detail.contains("line 2, column 8"), "{detail}");
}

#[tokio::test]
async fn a_sane_request_id_comes_back_and_a_strange_one_is_replaced() {
    let app = App::start().await;
    let with_id = |id: &str| {
        app.request(Method::GET, "/batches").header("x-request-id", id).body(Body::empty()).unwrap()
    };

    let sane = app.send(with_id("abc-123")).await;
    let strange = app.send(with_id("a b")).await;

    assert_eq!(sane.headers["x-request-id"], "abc-123");
    assert_ne!(strange.headers["x-request-id"], "a b");
}

#[tokio::test]
async fn a_database_without_our_schema_is_not_ready_but_alive() {
    let db = harness::empty_db().await;
    let context =
        api::Context::new(settings_of(&db, &[]), db.pool.clone(), CancellationToken::new());
    let router = api::router(context.unwrap());
    let token = format!("Bearer {}", keys::OperatorToken::mint().expose());
    let status = async |path: &str| {
        let request = Request::builder()
            .uri(path)
            .header(header::AUTHORIZATION, token.as_str())
            .body(Body::empty())
            .unwrap();
        router.clone().oneshot(request).await.unwrap().status()
    };

    assert_eq!(status("/healthz").await, StatusCode::OK);
    assert_eq!(status("/readyz").await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(status("/api/v1/batches").await, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn health_metrics_and_description_need_no_token() {
    let app = App::start().await;
    app.get("/batches").await;
    let open = async |path: &str| {
        app.send(Request::builder().uri(path).body(Body::empty()).unwrap()).await
    };

    for path in ["/healthz", "/readyz", "/metrics", "/openapi.json"] {
        assert_eq!(open(path).await.status, StatusCode::OK, "{path}");
    }
    let metrics = open("/metrics").await.text;
    assert!(metrics.contains("tenantry_api_requests_total{"), "{metrics}");
    assert!(metrics.contains("route=\"/api/v1/batches\""), "{metrics}");
}

/// Every call there is. A new one is added here too: it is a contract.
const CALLS: [&str; 68] = [
    "DELETE /api/v1/batches/{id}/api-keys",
    "DELETE /api/v1/operations/{id}/api-keys",
    "GET /api/v1/audit",
    "DELETE /api/v1/tenants/{id}/keys/{key}",
    "GET /api/v1/batches",
    "GET /api/v1/batches/{id}",
    "GET /api/v1/batches/{id}/results",
    "GET /api/v1/findings",
    "GET /api/v1/health/tenants",
    "GET /api/v1/operations",
    "GET /api/v1/operations/{id}",
    "GET /api/v1/operations/{id}/items",
    "GET /api/v1/operations/{id}/items/{index}",
    "GET /api/v1/queue",
    "GET /api/v1/tenants",
    "GET /api/v1/tenants/{id}",
    "GET /api/v1/tenants/{id}/erase-report",
    "GET /api/v1/tenants/{id}/health",
    "GET /api/v1/tenants/{id}/history",
    "GET /api/v1/tenants/{id}/keys",
    "GET /api/v1/tenants/{id}/keys/{key}",
    "GET /api/v1/tenants/{id}/status",
    "GET /healthz",
    "GET /metrics",
    "GET /openapi.json",
    "GET /readyz",
    "PATCH /api/v1/tenants/{id}",
    "POST /api/v1/batches/{id}/api-keys/reveal",
    "POST /api/v1/batches/{id}/cancel",
    "POST /api/v1/batches/{id}/items/{index}/resolve",
    "POST /api/v1/batches/{id}/items/{index}/undo",
    "POST /api/v1/batches/{id}/pause",
    "POST /api/v1/batches/{id}/resume",
    "POST /api/v1/batches/{id}/retry",
    "POST /api/v1/keys/verify",
    "POST /api/v1/operations",
    "POST /api/v1/operations/{id}/api-keys/reveal",
    "POST /api/v1/operations/{id}/cancel",
    "POST /api/v1/operations/{id}/items/{index}/resolve",
    "POST /api/v1/operations/{id}/items/{index}/retry",
    "POST /api/v1/operations/{id}/items/{index}/skip",
    "POST /api/v1/operations/{id}/items/{index}/undo",
    "POST /api/v1/operations/{id}/pause",
    "POST /api/v1/operations/{id}/promote",
    "GET /api/v1/rollouts",
    "GET /api/v1/rollouts/{id}",
    "POST /api/v1/operations/{id}/resume",
    "POST /api/v1/operations/{id}/retry",
    "POST /api/v1/queue/pause",
    "POST /api/v1/queue/resume",
    "POST /api/v1/tenants",
    "POST /api/v1/tenants/batch",
    "POST /api/v1/tenants/import",
    "POST /api/v1/tenants/update",
    "POST /api/v1/tenants/{id}/check",
    "POST /api/v1/tenants/{id}/keys",
    "POST /api/v1/tenants/{id}/keys/acknowledge",
    "POST /api/v1/tenants/{id}/keys/reveal",
    "POST /api/v1/tenants/{id}/keys/rotate",
    "POST /api/v1/tenants/{id}/release",
    "POST /api/v1/tenants/{id}/resume",
    "POST /api/v1/tenants/{id}/suspend",
    "POST /api/v1/tenants/{id}/undelete",
    "DELETE /api/v1/tenants/{id}",
    "DELETE /api/v1/tenants/{id}/deletion-protection",
    "DELETE /api/v1/tenants/{id}/hold",
    "PUT /api/v1/tenants/{id}/deletion-protection",
    "PUT /api/v1/tenants/{id}/hold",
];

#[tokio::test]
async fn the_description_has_every_call_and_each_is_answered() {
    let app = App::start().await;
    let request = Request::builder().uri("/openapi.json").body(Body::empty()).unwrap();
    let document = app.send(request).await.body;

    let mut described = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            described.insert(format!("{} {path}", method.to_uppercase()));
            assert!(operation["summary"].is_string(), "{path} has no summary");
            let success =
                operation["responses"].as_object().unwrap().keys().any(|s| &s[..1] == "2");
            assert!(success, "{path} has no success");
            if path.starts_with("/api/") {
                for status in ["401", "403", "429", "500", "503"] {
                    let problem = &operation["responses"][status]["content"][PROBLEM_JSON];
                    assert!(problem.is_object(), "{path} {status}");
                }
            }
        }
    }
    assert_eq!(described, CALLS.iter().map(|call| (*call).to_owned()).collect());
    for call in CALLS {
        let (method, path) = call.split_once(' ').unwrap();
        let path = path.replace("{id}", "1").replace("{index}", "1").replace("{key}", "1");
        let request = Request::builder().method(method).uri(&path).body(Body::empty()).unwrap();
        let answer = app.send(request).await;
        // Anything but "no such path": without a token most are refused.
        assert!(![404, 405].contains(&answer.status.as_u16()), "{call}");
    }
    let scheme = &document["components"]["securitySchemes"]["operator_token"];
    assert_eq!((&scheme["type"], &scheme["scheme"]), (&json!("http"), &json!("bearer")));
}

#[tokio::test]
async fn a_queue_that_is_missing_or_older_is_not_migrated_and_no_bug() {
    for damage in [
        "drop schema apalis cascade",
        "alter table apalis.jobs drop column priority cascade",
        "drop extension hstore cascade",
    ] {
        let app = App::start().await;
        app.execute(damage).await;

        let answer = app.post("/tenants/batch", &json!({ "tenants": tenants(1) })).await;

        assert_eq!((answer.status.as_u16(), answer.code()), (503, "not_migrated"), "{damage}");
    }
}

/// A pool of one connection with a time-out of 200 ms: to the database, or to a closed port.
fn hasty_pool(db: &harness::Db, port: Option<u16>) -> sqlx::PgPool {
    let mut options = store::with_settings(db.pool.connect_options().as_ref().clone());
    if let Some(port) = port {
        options = options.host("127.0.0.1").port(port);
    }
    let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(Duration::from_millis(200));
    pool.connect_lazy_with(options)
}

#[tokio::test]
async fn without_a_connection_the_database_is_away_or_all_are_in_use() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = nobody.local_addr().unwrap().port();
    drop(nobody);
    let db = harness::fresh_db().await;
    let dead = hasty_pool(&db, Some(port));
    let away = App::on(db, dead, &[]).await.get("/tenants").await;
    let db = harness::fresh_db().await;
    let full = hasty_pool(&db, None);
    let held = full.acquire().await.unwrap();
    let app = App::on(db, full, &[]).await;
    let busy = app.get("/tenants").await;
    drop(held);
    let free = app.get("/tenants").await;

    assert_eq!(
        (away.status, away.code()),
        (StatusCode::SERVICE_UNAVAILABLE, "database_unavailable")
    );
    assert_eq!((busy.status, busy.code()), (StatusCode::SERVICE_UNAVAILABLE, "overloaded"));
    assert_eq!(free.status, StatusCode::OK, "{free:?}");
}

/// The codes of problems that the text of a source file makes.
fn codes_in(source: &str) -> Vec<&str> {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let of_status = source.split("StatusCode::").skip(1).filter_map(|after| {
        let (_status, after) = after.split_once(',')?;
        after.trim_start().strip_prefix('"')?.split('"').next()
    });
    let of_body = source.split("Problem::invalid_body(").skip(1).filter_map(|after| {
        let arguments = after.split(')').next()?;
        arguments
            .split('"')
            .skip(1)
            .step_by(2)
            .find(|text| text.contains('_') && !text.starts_with('/'))
    });
    of_status.chain(of_body).filter(|code| code.contains('_')).collect()
}

#[test]
fn the_page_of_the_api_lists_every_code() {
    let page = include_str!("../../../../docs/API.md");
    let (mut sources, mut open) =
        (Vec::new(), vec![concat!(env!("CARGO_MANIFEST_DIR"), "/src").into()]);
    while let Some(path) = open.pop() {
        match std::fs::read_dir::<&std::path::PathBuf>(&path) {
            Ok(folder) => open.extend(folder.map(|entry| entry.unwrap().path())),
            Err(_) => sources.push(std::fs::read_to_string(path).unwrap()),
        }
    }

    let made: BTreeSet<&str> = sources.iter().flat_map(|source| codes_in(source)).collect();

    assert!(made.len() > 30 && made.contains("invalid_run_at"), "{made:?}");
    let missing: Vec<_> = made.iter().filter(|code| !page.contains(&format!("`{code}`"))).collect();
    assert!(missing.is_empty(), "docs/API.md lacks {missing:?}");
    for (code, meaning) in domain::codes::ALL {
        assert!(page.contains(&format!("| `{code}` | {meaning} |")), "docs/API.md lacks {code}");
    }
}
