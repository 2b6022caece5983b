//! A submission is one transaction, and a bad item harms no other.

use std::cell::Cell;

use axum::{
    body::Body,
    http::{Method, StatusCode, header},
};
use serde_json::{Value, json};
use tracing::field::{Field, Visit};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt as _},
};

use crate::support::{App, tenant, tenants};

#[tokio::test]
async fn a_bad_item_of_any_kind_fails_alone() {
    let app = App::start().await;
    let mut first = tenant(100);
    first["schema_name"] = json!("held");
    first["external_id"] = json!("cus_held");
    app.submit(vec![first]).await;
    let with = |n: usize, field: &str, value: Value| {
        let mut item = tenant(n);
        item[field] = value;
        item
    };

    let batch = app
        .submit(vec![
            tenant(0),
            json!({ "domain": "nameless.example.com" }),
            with(2, "domain", json!("a-.com")),
            with(3, "schema_name", json!("pg_catalog")),
            with(4, "schema_name", json!("1x; drop schema tenantry")),
            with(5, "colour", json!("red")),
            with(6, "tenant_name", json!("a\u{0}b")),
            json!(7),
            with(8, "domain", json!("ACME0.Example.com.")),
            with(9, "domain", json!("AcMe100.example.com")),
            with(10, "schema_name", json!("HELD")),
            with(11, "external_id", json!("cus_held")),
            with(12, "settings", json!({ "features": ["no_such_feature"] })),
            with(13, "settings", json!({ "metadata": { "a": "b\u{0}" } })),
            tenant(14),
        ])
        .await;

    let results = app.results(batch).await;
    let codes: Vec<&str> =
        results.iter().map(|r| r["error"]["code"].as_str().unwrap_or("fine")).collect();
    let expected = [
        "fine",
        "missing_field",
        "invalid_domain",
        "reserved_schema_name",
        "invalid_schema_name",
        "unknown_field",
        "invalid_tenant_name",
        "invalid_field",
        "duplicate_in_batch",
        "domain_taken",
        "schema_taken",
        "external_id_taken",
        "unknown_feature",
        "invalid_settings",
        "fine",
    ];
    assert_eq!(codes, expected);
    assert!(results[8]["error"]["message"].as_str().unwrap().contains("item 0"));
    for (i, result) in results.iter().enumerate() {
        assert_eq!(result["index"], i);
        let accepted = codes[i] == "fine";
        assert_eq!(result["status"], if accepted { "queued" } else { "failed" }, "{result}");
        assert_eq!(result["tenant_id"].is_i64(), accepted, "{result}");
    }
    let progress = app.get(&format!("/batches/{batch}")).await.body["progress"].clone();
    assert_eq!(
        (&progress["total"], &progress["queued"], &progress["failed"]),
        (&json!(15), &json!(2), &json!(13))
    );
    assert_eq!(app.count("select count(*) from apalis.jobs").await, 3);
    assert_eq!(app.count("select count(*) from tenantry.tenants").await, 3);
}

#[tokio::test]
async fn an_accepted_tenant_is_reserved_and_has_a_job_of_its_own() {
    let app = App::start().await;

    app.submit(tenants(3)).await;

    let matching = "select count(*) from tenantry.operation_items i
        join tenantry.tenants t on t.id = i.tenant_id and t.state = 'pending'
             and t.schema_name = i.schema_name and t.domain = i.domain
             and t.role_name like 'tn\\_%\\_' || t.id
        join apalis.jobs j on (convert_from(j.job, 'UTF8')::jsonb ->> 'item')::bigint = i.id";
    assert_eq!(app.count(matching).await, 3);
    assert_eq!(app.count("select count(*) from apalis.jobs").await, 3);
    assert_eq!(app.audited().await, ["operation.submitted"]);
}

#[tokio::test]
async fn a_batch_with_nothing_to_do_is_over_at_once() {
    let app = App::start().await;

    let batch = app.submit(vec![json!({}), json!(null)]).await;

    let body = app.get(&format!("/batches/{batch}")).await.body;
    assert_eq!(body["state"], "failed");
    assert!(body["finished_at"].is_string());
    assert_eq!(body["progress"]["percent"], 100.0);
    let told = "select count(*) from tenantry.outbox where kind = 'operation.finished'";
    assert_eq!(app.count(told).await, 1);
    assert_eq!(app.count("select count(*) from apalis.jobs").await, 0);
}

#[tokio::test]
async fn one_item_a_line_is_a_batch_too() {
    let app = App::start().await;
    let lines = format!("{}\n\n{}\r\n", tenant(1), tenant(2));
    let ndjson = |body: String| {
        app.request(Method::POST, "/tenants/batch")
            .header(header::CONTENT_TYPE, "application/x-ndjson")
            .body(Body::from(body))
            .unwrap()
    };

    let good = app.send(ndjson(lines)).await;
    let bad = app.send(ndjson(format!("{}\n{{\n", tenant(3)))).await;

    assert_eq!(good.status, StatusCode::ACCEPTED);
    assert_eq!(good.body["progress"]["total"], 2);
    assert_eq!((bad.status, bad.code()), (StatusCode::BAD_REQUEST, "malformed_json"));
    assert!(bad.body["detail"].as_str().unwrap().contains("line 2"), "{bad:?}");
    assert_eq!(app.count("select count(*) from tenantry.operations").await, 1);
}

#[tokio::test]
async fn results_are_streamed_one_a_line_when_asked_for() {
    let app = App::start().await;
    let batch = app.submit(tenants(1203)).await;
    let lines = |query: &str| {
        app.request(Method::GET, &format!("/batches/{batch}/results{query}"))
            .header(header::ACCEPT, "application/x-ndjson")
            .body(Body::empty())
            .unwrap()
    };

    let all = app.send(lines("")).await;
    let some = app.send(lines("?limit=2")).await;

    assert_eq!(all.headers[header::CONTENT_TYPE], "application/x-ndjson");
    let indexes: Vec<i64> = all
        .text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["index"].as_i64().unwrap())
        .collect();
    assert_eq!(indexes, (0..1203).collect::<Vec<i64>>());
    assert_eq!(some.text.lines().count(), 2);
}

#[tokio::test]
async fn two_batches_over_the_same_names_at_once_share_them_out() {
    let app = App::start().await;
    let there: Vec<Value> = tenants(60);
    let back: Vec<Value> = tenants(60).into_iter().rev().collect();

    let (one, two) = tokio::join!(app.submit(there), app.submit(back));

    let taken: usize = [app.results(one).await, app.results(two).await]
        .iter()
        .flatten()
        .filter(|r| r["error"]["code"] == "domain_taken")
        .count();
    assert_eq!(taken, 60);
    assert_eq!(app.count("select count(*) from tenantry.tenants").await, 60);
}

#[tokio::test]
async fn a_name_equal_in_its_first_63_bytes_gets_a_schema_of_its_own() {
    let app = App::start().await;
    let long = "x".repeat(80);
    let named = |n: usize| json!({ "tenant_name": format!("{long}{n}"), "domain": format!("d{n}.example") });

    let batch = app.submit(vec![named(1), named(2)]).await;

    let results = app.results(batch).await;
    let schemas: Vec<&str> = results.iter().map(|r| r["schema_name"].as_str().unwrap()).collect();
    assert_ne!(schemas[0], schemas[1]);
    assert!(schemas.iter().all(|schema| schema.len() <= 63), "{schemas:?}");
}

thread_local! {
    /// Statements this thread has run: other tests run beside.
    static STATEMENTS: Cell<usize> = const { Cell::new(0) };
}

struct CountStatements;

impl<S: tracing::Subscriber> Layer<S> for CountStatements {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut seen = Seen { ours: event.metadata().target() == "sqlx::query" };
        event.record(&mut seen);
        if seen.ours {
            STATEMENTS.set(STATEMENTS.get() + 1);
        }
    }
}

/// Whether a statement is one of ours, and not a connection's first look at a type.
struct Seen {
    ours: bool,
}

impl Visit for Seen {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "summary" && format!("{value:?}").contains("pg_type") {
            self.ours = false;
        }
    }
}

#[tokio::test]
async fn a_submission_takes_as_many_statements_for_500_tenants_as_for_one() {
    let counting = tracing_subscriber::registry().with(CountStatements);
    tracing::subscriber::set_global_default(counting).expect("no other test sets one");
    let app = App::start().await;
    let batch = |from: usize, n: usize| (from..from + n).map(tenant).collect::<Vec<_>>();
    // The fewest of three: now and then a submission has the caller's token looked up again.
    let fewest = async |from: usize, n: usize| {
        let mut fewest = usize::MAX;
        for round in 0..3 {
            STATEMENTS.set(0);
            app.submit(batch(from + round * 1000, n)).await;
            fewest = fewest.min(STATEMENTS.get());
        }
        fewest
    };

    let for_one = fewest(0, 1).await;
    let for_500 = fewest(10_000, 500).await;

    assert!(for_one > 5, "statements are seen: {for_one}");
    assert_eq!(for_500, for_one);
}

#[tokio::test]
async fn an_item_says_that_the_sequence_of_ids_is_behind() {
    let app = App::start().await;
    app.submit(tenants(3)).await;
    app.execute("alter table tenantry.tenants alter column id restart").await;

    let batch = app.submit(vec![tenant(10)]).await;

    let results = app.results(batch).await;
    let error = &results[0]["error"];
    assert_eq!(error["code"], "id_taken", "{error}");
    assert!(error["message"].as_str().unwrap().contains("tenantry doctor --fix ids_behind"));
    assert_eq!(error["retryable"], true);
}
