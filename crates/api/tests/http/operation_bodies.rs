//! Bodies of calls about operations that can be read in two ways are refused.

use axum::{
    body::Body,
    http::{Request, header},
};
use domain::{OperationId, Role};

use crate::{
    operations::fleet,
    support::{Answer, App},
};

const OPERATIONS: &str = "select count(*) from tenantry.operations where kind <> 'provision'";

/// `body` as the admin sends it, and as it is written here: a tree of values would have each name once.
async fn send(app: &App, path: &str, body: &str) -> Answer {
    let request = Request::post(format!("/api/v1{path}"))
        .header(header::AUTHORIZATION, format!("Bearer {}", app.token(Role::Admin)))
        .header(header::CONTENT_TYPE, "application/json");
    app.send(request.body(Body::from(body.to_owned())).unwrap()).await
}

#[tokio::test]
async fn a_field_that_comes_twice_is_refused_at_any_depth_of_any_body() {
    let app = fleet(1).await;
    let of_none = OperationId::mint();
    let retry = format!("/operations/{of_none}/retry");
    let retry_of_batch = format!("/batches/{of_none}/retry");
    let resolve = format!("/operations/{of_none}/items/0/resolve");

    for (path, body, pointer) in [
        (
            "/operations",
            r#"{"kind":"migrate","params":{"direction":"down","to":"none"},"tenants":[1],"dry_run":true,"dry_run":false}"#,
            "/dry_run",
        ),
        (
            "/operations",
            r#"{"kind":"migrate","params":{"direction":"up","\u0064irection":"down"},"tenants":[1]}"#,
            "/params/direction",
        ),
        ("/operations", r#"{"kind":"suspend","tenants":[2],"tenants":[1]}"#, "/tenants"),
        (
            "/operations",
            r#"{"kind":"suspend","selector":{"name_prefix":"a","name_prefix":"b"},"dry_run":true}"#,
            "/selector/name_prefix",
        ),
        ("/tenants/1/suspend", r#"{"reason":"unpaid","reason":"moved"}"#, "/reason"),
        (&retry, r#"{"code":"timed_out","code":"internal"}"#, "/code"),
        (&retry_of_batch, r#"{"step":"verify","step":null}"#, "/step"),
        (&resolve, r#"{"note":"a","note":"b"}"#, "/note"),
    ] {
        let answer = send(&app, path, body).await;

        assert_eq!((answer.status.as_u16(), answer.code()), (422, "repeated_field"), "{body}");
        assert_eq!(answer.body["errors"][0]["pointer"], pointer);
    }
    assert_eq!(app.count(OPERATIONS).await, 0);
}

#[tokio::test]
async fn a_name_that_the_parser_takes_for_its_own_hides_no_second_field() {
    let app = fleet(1).await;
    let hidden = r#"{"$serde_json::private::RawValue":"{\"reason\":\"a\",\"reason\":\"b\"}"}"#;

    let answer = send(&app, "/tenants/1/suspend", hidden).await;

    assert_eq!((answer.status.as_u16(), answer.code()), (400, "malformed_json"), "{answer:?}");
    assert_eq!(app.count(OPERATIONS).await, 0);
}
