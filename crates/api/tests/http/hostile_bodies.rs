//! What a caller sends costs memory, rows and answers no more than it may.

use axum::{
    body::Body,
    http::{Method, Request, StatusCode},
};
use futures::SinkExt as _;
use serde_json::json;

use crate::support::{Answer, App, tenant};

/// `path` with `body` as JSON text, or as lines of it.
async fn send(app: &App, path: &str, kind: &str, body: String) -> Answer {
    let request = app
        .request(Method::POST, path)
        .header("content-type", format!("application/{kind}"))
        .body(Body::from(body));
    app.send(request.unwrap()).await
}

/// Items that make much of little, each in its own way.
fn hostile_items() -> Vec<String> {
    let features = |n: usize| format!("{}\"\"", "\"\",".repeat(n));
    let item = |n: usize, rest: &str| {
        format!("{{\"tenant_name\":\"Acme {n}\",\"domain\":\"acme{n}.example\",{rest}}}")
    };
    let unknown: String = (0..25_000).map(|n| format!("\"{n}\":0,")).collect();
    vec![
        item(0, &format!("\"settings\":{{\"features\":[{}]}}", features(80_000))),
        item(1, &format!("{unknown}\"x\":1")),
        item(2, &format!("\"settings\":{{\"limits\":{{{unknown}\"x\":1}}}}")),
        item(3, &format!("\"{}\":1", "/~".repeat(100_000))),
        item(4, &format!("\"description\":\"{}\"", "\\u0001".repeat(40_000))),
        item(5, &format!("\"x\":{}1{}", "[".repeat(100), "]".repeat(100))),
        item(6, &format!("\"x\":[{}1]", "1e300,".repeat(40_000))),
        item(7, &format!("\"settings\":{{\"features\":[{}]}}", features(1_000_000))),
        item(8, &format!("\"schema_name\":\"{}\"", "x".repeat(1_000_000))),
    ]
}

#[tokio::test]
async fn a_hostile_item_is_refused_in_a_few_words_and_recorded_in_a_few_bytes() {
    let app = App::start().await;
    let (items, wait) = (hostile_items(), "/tenants/batch");
    let document = format!("{{\"tenants\":[{},{}]}}", items.join(","), tenant(99));
    let lines = format!("{}\n{}", items.join("\n"), tenant(98));

    for (kind, body) in [("json", document), ("x-ndjson", lines)] {
        let answer = send(&app, wait, kind, body).await;
        let results = app.get(&format!("/batches/{}/results", answer.batch())).await;

        assert_eq!(answer.status, StatusCode::ACCEPTED);
        assert_eq!(answer.body["progress"]["failed"], items.len(), "{}", answer.text);
        assert!(results.text.len() < 16_384, "{} bytes", results.text.len());
        let codes: Vec<_> = results.body["results"].as_array().unwrap()[..items.len()]
            .iter()
            .map(|result| result["error"]["code"].as_str().unwrap())
            .collect();
        assert_eq!(codes[7..], ["item_too_large"; 2]);
        assert_eq!(results.body["results"][7]["tenant_name"], "Acme 7");
    }
    let largest = "select max(pg_column_size(input) + octet_length(error_message))::bigint
                   from tenantry.operation_items where state = 'failed'";
    assert!(app.count(largest).await < 300_000);
}

#[tokio::test]
async fn a_hostile_tenant_is_answered_with_twenty_mistakes_and_their_number() {
    let app = App::start().await;

    for item in hostile_items() {
        let answer = send(&app, "/tenants", "json", item).await;

        assert!([413, 422].contains(&answer.status.as_u16()), "{answer:?}");
        assert!(answer.text.len() < 16_384, "{} bytes", answer.text.len());
        let errors = answer.body["errors"].as_array().map_or(0, Vec::len);
        assert!(errors <= 20, "{errors}");
    }
    let many = send(&app, "/tenants", "json", hostile_items().swap_remove(1)).await;
    let detail = many.body["detail"].as_str().unwrap();
    assert!(detail.ends_with("and 24981 more mistakes"), "{detail}");
}

#[tokio::test]
async fn a_batch_that_is_hostile_as_a_whole_is_refused_in_a_few_words() {
    let app = App::start().await;
    let unknown: String = (0..300_000).map(|n| format!("\"{n}\":0,")).collect();
    let long = format!("\"{}\":0", "/~".repeat(1_000_000));

    for (body, code) in [
        (format!("{{\"tenants\":[{}1]}}", "1,".repeat(3_000_000)), "too_many_tenants"),
        (format!("{{{unknown}\"tenants\":[1]}}"), "unknown_field"),
        (format!("{{{long},\"tenants\":[1]}}"), "unknown_field"),
        ("{\"tenants\":[1],\"tenants\":[2]}".to_owned(), "repeated_field"),
        ("{\"tenants\":[{\"$serde_json::private::RawValue\":\"?\"}]}".to_owned(), "malformed_json"),
        (format!("{{\"tenants\":{}", "[".repeat(1_000_000)), "malformed_json"),
    ] {
        let answer = send(&app, "/tenants/batch", "json", body).await;

        assert_eq!(answer.code(), code, "{}", answer.text);
        assert!(answer.text.len() < 4096, "{} bytes", answer.text.len());
    }
    assert_eq!(app.count("select count(*) from tenantry.operations").await, 0);
}

#[tokio::test]
async fn one_callers_bodies_take_their_share_of_memory_and_no_other_is_kept_out() {
    let app = App::start_with(&[
        ("TENANTRY__API__MAX_BODIES_BYTES", "2097152"),
        ("TENANTRY__API__MAX_BODY_BYTES", "1048576"),
    ])
    .await;
    let (mut sender, held) = futures::channel::mpsc::channel::<std::io::Result<Vec<u8>>>(0);
    let request = app.request(Method::POST, "/tenants/batch").body(Body::from_stream(held));
    let arriving = async {
        sender.send(Ok(vec![b' '; 800_000])).await.unwrap();
        // Taken once the one before was read, and so counted.
        sender.send(Ok(Vec::new())).await.unwrap();
        let large = json!({ "tenants": [tenant(1)], "x": "x".repeat(500_000) }).to_string();
        let refused = send(&app, "/tenants/batch", "json", large).await;
        let of_another = json!({ "tenants": [tenant(2)], "x": "x".repeat(500_000) });
        let of_another = app.command("/tenants/batch", &of_another).await;
        assert_eq!(of_another.code(), "unknown_field");
        sender.send(Ok(b"{}".to_vec())).await.unwrap();
        sender.close_channel();
        refused
    };

    let (first, refused) = tokio::join!(app.send(request.unwrap()), arriving);
    let after = send(&app, "/tenants/batch", "json", json!({ "tenants": [tenant(1)] }).to_string());

    assert_eq!(first.code(), "missing_field");
    assert_eq!(
        (refused.code(), &refused.headers["retry-after"]),
        ("rate_limited", &"1".parse().unwrap())
    );
    assert_eq!(after.await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn the_registry_itself_takes_no_longer_message() {
    let app = App::start().await;
    app.submit(vec![json!({})]).await;

    let long = "update tenantry.operation_items set error_message = repeat('x', 4097)";
    let refused = sqlx::query(long).execute(&app.db.pool).await.unwrap_err();

    assert!(refused.to_string().contains("error_message_check"), "{refused}");
}

#[tokio::test]
async fn a_body_that_is_not_text_is_the_callers_fault_in_every_call() {
    let app = App::start().await;
    let asked = Request::builder().uri("/openapi.json").body(Body::empty()).unwrap();
    let description = app.send(asked).await.body;
    let mut calls = 0;

    for (path, operations) in description["paths"].as_object().unwrap() {
        let with_body =
            operations.as_object().unwrap().iter().filter(|(_, of)| of["requestBody"].is_object());
        for (method, _) in with_body {
            let path = path.replace("{id}", "1").replace("{index}", "1").replace("{key}", "1");
            let method = method.to_uppercase().parse().unwrap();
            let request = app
                .request(method, path.trim_start_matches("/api/v1"))
                .header("content-type", "application/json")
                .body(Body::from(&b"\x08\xff\r\x97"[..]));
            let answer = app.send(request.unwrap()).await;

            assert!(answer.status.is_client_error(), "{path}: {}", answer.text);
            calls += 1;
        }
    }
    assert!(calls > 10, "{calls} calls take a body");
}
