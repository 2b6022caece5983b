//! A body is read as it arrives, and a batch is recorded in chunks: neither is to be seen.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::{Method, Request, StatusCode, header},
};
use futures::stream;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::{App, tenant, tenants};

/// More than are recorded at a time.
const MANY: usize = 4_100;

fn ndjson(app: &App, query: &str, body: Body) -> Request<Body> {
    app.request(Method::POST, &format!("/tenants/batch{query}"))
        .header(header::CONTENT_TYPE, "application/x-ndjson")
        .body(body)
        .unwrap()
}

fn lines(tenants: &[Value]) -> String {
    tenants.iter().map(|tenant| format!("{tenant}\n")).collect()
}

/// `text` in pieces of `size` bytes, wherever that cuts it.
fn pieces(text: &str, size: usize) -> Body {
    let pieces: Vec<Result<Bytes, Infallible>> =
        text.as_bytes().chunks(size).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    Body::from_stream(stream::iter(pieces))
}

/// `text` again and again, without end.
fn endless(text: &'static str) -> Body {
    Body::from_stream(stream::repeat(Ok::<_, Infallible>(text)))
}

#[tokio::test]
async fn a_body_in_small_pieces_makes_the_same_batch() {
    let app = App::start().await;
    let mut named = tenants(3);
    named[1]["tenant_name"] = json!("Bücher & 雪 \u{1f600}");
    let text = lines(&named);
    let key = |request: Request<Body>| {
        let (mut parts, body) = request.into_parts();
        parts.headers.insert("idempotency-key", "streamed".parse().unwrap());
        Request::from_parts(parts, body)
    };

    let first = app.send(key(ndjson(&app, "", pieces(&text, 1)))).await;
    let second = app.send(key(ndjson(&app, "", pieces(&text, 7)))).await;
    let whole = app.send(key(ndjson(&app, "", Body::from(text)))).await;

    assert_eq!(first.status, StatusCode::ACCEPTED, "{first:?}");
    assert_eq!((second.batch(), whole.batch()), (first.batch(), first.batch()));
    let results = app.results(first.batch()).await;
    let names: Vec<&Value> = results.iter().map(|r| &r["tenant_name"]).collect();
    assert_eq!(names, ["Acme 0", "Bücher & 雪 \u{1f600}", "Acme 2"]);
    assert_eq!(app.with_jobs(first.batch()).await, 3);
}

#[tokio::test]
async fn a_batch_of_several_chunks_is_like_any_other() {
    let app = App::start().await;
    let mut many = tenants(MANY);
    app.submit(vec![tenant(50)]).await;
    many[MANY - 1] = tenant(7);

    let answer = app.send(ndjson(&app, "", Body::from(lines(&many)))).await;

    let batch = answer.batch();
    let progress = &answer.body["progress"];
    let accepted = MANY - 2;
    assert_eq!((&progress["total"], &progress["queued"]), (&json!(MANY), &json!(accepted)));
    let refused = app.get(&format!("/batches/{batch}/results?status=failed")).await.body;
    let told = |n: usize| {
        let result = &refused["results"][n];
        (
            result["index"].as_u64(),
            result["error"]["code"].as_str(),
            result["error"]["message"].as_str(),
        )
    };
    assert_eq!((told(0).0, told(0).1), (Some(50), Some("domain_taken")));
    let same = Some("domain is the same as that of item 7");
    assert_eq!(told(1), (Some(MANY as u64 - 1), Some("duplicate_in_batch"), same));
    assert_eq!(app.with_jobs(batch).await, accepted as i64);
    // One job behind the other, over the whole batch.
    let places = "select count(distinct j.priority) from apalis.jobs j
        join tenantry.operation_items i on (convert_from(j.job, 'UTF8')::jsonb ->> 'item')::bigint = i.id
        where i.idx <> 0 or i.operation_id <> (
            select min(id::text)::uuid from tenantry.operations)";
    assert!(app.count(places).await >= accepted as i64);
    let detail = "select count(*) from tenantry.audit_log where detail ->> 'accepted' = '4098'
        and detail ->> 'refused' = '2' and detail ->> 'total' = '4100'";
    assert_eq!(app.count(detail).await, 1);
}

#[tokio::test]
async fn a_chunk_that_is_refused_refuses_those_before_it_when_it_is_all_or_nothing() {
    let app = App::start().await;
    let mut many = tenants(MANY);
    many[MANY - 1] = tenant(7);

    let refused = app.send(ndjson(&app, "?mode=atomic", Body::from(lines(&many)))).await;
    many.pop();
    let taken = app.send(ndjson(&app, "?mode=atomic", Body::from(lines(&many)))).await;

    let error = &refused.body["error"];
    assert_eq!(refused.body["state"], "rolled_back");
    assert_eq!((&error["index"], &error["code"]), (&json!(MANY - 1), &json!("duplicate_in_batch")));
    let progress = &refused.body["progress"];
    assert_eq!((&progress["failed"], &progress["cancelled"]), (&json!(1), &json!(MANY - 1)));
    assert_eq!(app.with_jobs(refused.batch()).await, 0);
    assert_eq!(taken.body["progress"]["queued"], MANY - 1, "{:?}", taken.body);
    assert_eq!(app.with_jobs(taken.batch()).await, MANY as i64 - 1);
    let reserved = "select count(*) from tenantry.tenants";
    assert_eq!(app.count(reserved).await, MANY as i64 - 1);
}

#[tokio::test]
async fn what_is_too_much_is_refused_before_it_has_all_arrived() {
    let settings = [("TENANTRY__API__MAX_BODY_BYTES", "1000000"), ("MAX_TENANTS_PER_BATCH", "100")];
    let app = App::start_with(&settings).await;

    let too_many = app.send(ndjson(&app, "", endless("{}\n"))).await;
    let too_large = app.send(ndjson(&app, "", endless("[[[[[[[["))).await;
    let malformed = app.send(ndjson(&app, "", endless("{}\n{\n"))).await;
    let document = app
        .request(Method::POST, "/tenants/batch")
        .header(header::CONTENT_TYPE, "application/json")
        .body(endless(" "));
    let document = app.send(document.unwrap()).await;

    let told =
        [&too_many, &too_large, &malformed, &document].map(|a| (a.status.as_u16(), a.code()));
    let expected = [
        (413, "too_many_tenants"),
        (413, "body_too_large"),
        (400, "malformed_json"),
        (413, "body_too_large"),
    ];
    assert_eq!(told, expected);
    assert_eq!(app.count("select count(*) from tenantry.operations").await, 0);
}

#[tokio::test]
async fn a_malformed_line_in_the_middle_leaves_nothing() {
    let app = App::start().await;
    let mut text = lines(&tenants(2_000));
    text.push_str("{\"tenant_name\": \"A\", }\n");
    text.push_str(&lines(&[tenant(3_000)]));

    let answer = app.send(ndjson(&app, "", pieces(&text, 1_000))).await;

    assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, "malformed_json"));
    assert!(answer.body["detail"].as_str().unwrap().contains("line 2001, column 22"), "{answer:?}");
    for nothing in [
        "select count(*) from tenantry.operations",
        "select count(*) from tenantry.tenants",
        "select count(*) from apalis.jobs",
    ] {
        assert_eq!(app.count(nothing).await, 0, "{nothing}");
    }
}

#[tokio::test]
async fn no_connection_to_the_database_is_held_while_a_body_arrives() {
    let app = App::start().await;
    let pool = app.db.pool.clone();
    let line = lines(&[tenant(0)]);
    let late = stream::once(async move {
        // The caller was looked up on one; it goes back by itself.
        while usize::try_from(pool.size()).unwrap() > pool.num_idle() {
            tokio::task::yield_now().await;
        }
        Ok::<_, Infallible>(line)
    });

    let sending = app.send(ndjson(&app, "", Body::from_stream(late)));
    let answer = timeout(Duration::from_secs(60), sending).await.expect("all are given back");

    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
}
