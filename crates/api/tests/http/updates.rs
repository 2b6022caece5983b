//! Changes of tenants: of one, of a list, and the same for many.

use axum::{
    body::Body,
    http::{Method, StatusCode, header},
};
use serde_json::{Value, json};

use crate::{
    operations::fleet,
    support::{Answer, App, tenant},
};

const MERGE_PATCH: &str = "application/merge-patch+json";

const UPDATES: &str = "select count(*) from tenantry.operations where kind = 'update'";

impl App {
    async fn patch(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = self.request(Method::PATCH, path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    async fn lines(&self, lines: &[Value]) -> Answer {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let request = self
            .request(Method::POST, "/tenants/update")
            .header(header::CONTENT_TYPE, "application/x-ndjson");
        self.send(request.body(Body::from(text)).unwrap()).await
    }

    async fn etag(&self, tenant: i64) -> String {
        let answer = self.get(&format!("/tenants/{tenant}")).await;
        answer.headers[header::ETAG].to_str().unwrap().to_owned()
    }
}

fn told(answer: &Answer) -> Vec<(&str, &str)> {
    let errors = answer.body["errors"].as_array().unwrap_or_else(|| panic!("{answer:?}"));
    let told = errors.iter();
    told.map(|e| (e["pointer"].as_str().unwrap(), e["code"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn a_change_of_one_tenant_is_an_operation_whose_item_has_the_patch() {
    let app = fleet(1).await;
    let patch = r#"{"domain":"NEW.example","settings":{"metadata":{"n":12345678901234567890123}}}"#;

    let answer = app.patch("/tenants/1", &[("content-type", MERGE_PATCH)], patch).await;

    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    let told = (&answer.body["kind"], &answer.body["params"], &answer.body["progress"]["total"]);
    assert_eq!(told, (&json!("update"), &json!({}), &json!(1)));
    let input = "select count(*) from tenantry.operation_items i join tenantry.operations o on o.id = i.operation_id
        where o.kind = 'update' and i.input -> 'patch' ->> 'domain' = 'NEW.example'
          and i.input #>> '{patch,settings,metadata,n}' = '12345678901234567890123'
          and i.input -> 'defaults' ? 'features'";
    assert_eq!(app.count(input).await, 1);
    let audited = "select count(*) from tenantry.audit_log where action = 'operation.submitted' and tenant_id = 1
        and detail::text not ilike '%example%' and detail::text not like '%12345%'";
    assert_eq!(app.count(audited).await, 1, "no value of a field is in the audit log");
}

#[tokio::test]
async fn what_is_wrong_with_a_patch_is_named_and_nothing_is_recorded() {
    let app = fleet(2).await;
    app.execute("update tenantry.tenants set external_id = 'x' where id = 2").await;
    let taken = tenant(1)["domain"].clone();

    for (body, status, code, pointer) in [
        ("{}".to_owned(), 422, "missing_field", ""),
        ("{".to_owned(), 400, "malformed_json", ""),
        (json!({ "tenant_name": null }).to_string(), 422, "invalid_field", "/tenant_name"),
        (json!({ "schema_name": "a" }).to_string(), 422, "unknown_field", "/schema_name"),
        (json!({ "labels": { "A": "b" } }).to_string(), 422, "invalid_label", "/labels/A"),
        (
            json!({ "settings": { "features": ["no"] } }).to_string(),
            422,
            "unknown_feature",
            "/settings/features/0",
        ),
        (r#"{"labels":{"a":"b","a":"c"}}"#.to_owned(), 422, "repeated_field", "/labels/a"),
        (json!({ "domain": taken }).to_string(), 409, "domain_taken", ""),
        (json!({ "external_id": "x" }).to_string(), 409, "external_id_taken", ""),
    ] {
        let answer = app.patch("/tenants/1", &[], &body).await;

        assert_eq!((answer.status.as_u16(), answer.code()), (status, code), "{body}");
        if !pointer.is_empty() {
            assert_eq!(told(&answer), [(pointer, code)], "{body}");
        }
    }
    let lines = [("content-type", "application/x-ndjson")];
    let as_lines = app.patch("/tenants/1", &lines, r#"{"description":"a"}"#).await;
    assert_eq!(as_lines.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let own = json!({ "domain": tenant(0)["domain"] }).to_string();
    let own = app.patch("/tenants/1", &[], &own).await;
    assert_eq!(own.status, StatusCode::ACCEPTED, "its own name is no other's");
    assert_eq!(
        app.patch("/tenants/99", &[], r#"{"description":"a"}"#).await.code(),
        "tenant_not_found"
    );
    app.execute("update tenantry.tenants set state = 'pending' where id = 2").await;
    assert_eq!(
        app.patch("/tenants/2", &[], r#"{"description":"a"}"#).await.code(),
        "wrong_tenant_state"
    );
    assert_eq!(app.count(UPDATES).await, 1);
}

#[tokio::test]
async fn a_merge_patch_is_no_body_of_a_post() {
    let app = fleet(1).await;

    let answer = app.post_with("/tenants", &[("content-type", MERGE_PATCH)], &tenant(5)).await;

    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{answer:?}");
}

#[tokio::test]
async fn a_change_of_what_was_seen_is_refused_once_somebody_else_has_changed_it() {
    let app = fleet(1).await;
    let seen = app.etag(1).await;
    let patch = async |if_match: &str| {
        app.patch("/tenants/1", &[("if-match", if_match)], r#"{"description":"a"}"#).await
    };

    assert_eq!(app.etag(1).await, seen, "reading changes nothing");
    assert_eq!(patch(&seen).await.status, StatusCode::ACCEPTED);
    let several = format!("\"other\", {seen}");
    assert_eq!(patch(&several).await.status, StatusCode::ACCEPTED);
    app.execute("update tenantry.tenants set suspended_rights = null").await;
    assert_ne!(app.etag(1).await, seen, "every change of the row is one");
    let late = patch(&seen).await;
    assert_eq!((late.status.as_u16(), late.code()), (412, "precondition_failed"));
    assert_eq!(patch("*").await.status, StatusCode::ACCEPTED);
    assert_eq!(patch("unquoted").await.status, StatusCode::BAD_REQUEST);
    let kept = "select count(*) from tenantry.operation_items where input ? 'if_match'";
    assert_eq!(app.count(kept).await, 2, "it is looked at again when its turn comes");
}

#[tokio::test]
async fn a_change_that_is_sent_again_is_one_operation() {
    let app = fleet(1).await;
    let keyed = [("idempotency-key", "k")];
    let patch = async |body: &str| app.patch("/tenants/1", &keyed, body).await;

    let first = patch(r#"{"description":"a","external_id":null}"#).await;
    let again = patch(r#"{ "external_id": null, "description": "\u0061" }"#).await;
    let other = patch(r#"{"description":"b"}"#).await;

    assert_eq!(first.body["operation_id"], again.body["operation_id"], "{again:?}");
    assert_eq!(other.code(), "idempotency_key_reused");
    assert_eq!(app.count(UPDATES).await, 1);
}

#[tokio::test]
async fn one_patch_for_many_is_of_what_many_can_have_alike() {
    let app = App::start().await;
    let mut golden = tenant(7);
    golden["labels"] = json!({ "tier": "gold", "eu": "1" });
    let batch = app.submit(vec![tenant(6), golden]).await;
    app.succeed(batch, 2).await;
    let update = |patch: Value| {
        json!({ "kind": "update", "params": { "patch": patch },
        "selector": { "label": "tier=gold" }, "dry_run": true })
    };

    let dry = app.post("/operations", &update(json!({ "labels": { "eu": null } }))).await;
    assert_eq!(
        (&dry.body["tenants"], &dry.body["sample"][0]["tenant_id"]),
        (&json!(1), &json!(2)),
        "{dry:?}"
    );
    let mut body = update(json!({ "labels": { "eu": null } }));
    body["dry_run"] = json!(false);
    body["digest"] = dry.body["digest"].clone();
    let done = app.post("/operations", &body).await;
    assert_eq!(done.status, StatusCode::ACCEPTED, "{done:?}");
    assert_eq!(done.body["params"], json!({ "patch": { "labels": { "eu": null } } }));
    let detail = "select count(*) from tenantry.audit_log where detail -> 'params' = '{\"fields\": [\"labels\"]}'";
    assert_eq!(app.count(detail).await, 1);

    for (body, pointer) in [
        (update(json!({ "tenant_name": "a" })), "/params/patch/tenant_name"),
        (update(json!({ "domain": "a.example" })), "/params/patch/domain"),
        (update(json!({ "external_id": null })), "/params/patch/external_id"),
        (update(json!({})), "/params/patch"),
        (update(json!({ "settings": { "x": 1 } })), "/params/patch/settings/x"),
        (json!({ "kind": "update", "tenants": [1], "params": {} }), "/params/patch"),
        (
            json!({ "kind": "update", "tenants": [1], "params": { "patch": {}, "more": 1 } }),
            "/params/more",
        ),
        (json!({ "kind": "update", "tenants": [1] }), "/params"),
        (
            json!({ "kind": "update", "params": { "patch": { "description": "a" } },
                "selector": { "label": "tier" } }),
            "/selector/label",
        ),
    ] {
        let answer = app.post("/operations", &body).await;
        let is_digest = answer.code() == "digest_required";
        assert!(!is_digest && told(&answer)[0].0 == pointer, "{body} {answer:?}");
    }
}

#[tokio::test]
async fn a_patch_for_many_whose_number_would_lose_digits_is_refused() {
    let app = fleet(1).await;
    let body = r#"{"kind":"update","tenants":[1],"params":{"patch":{"settings":{"metadata":{"n":12345678901234567890123}}}}}"#;
    let request =
        app.request(Method::POST, "/operations").header(header::CONTENT_TYPE, "application/json");

    let answer = app.send(request.body(Body::from(body)).unwrap()).await;

    assert_eq!(told(&answer), [("/params/patch", "invalid_field")]);
}

#[tokio::test]
async fn a_list_has_an_item_for_each_line_in_their_order() {
    let app = fleet(3).await;
    let line = |id: i64| json!({ "id": id, "patch": { "description": format!("d{id}") } });

    let answer = app.lines(&[line(3), line(1), line(2)]).await;

    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    let id = answer.body["operation_id"].as_str().unwrap();
    assert_eq!(answer.headers[header::LOCATION], format!("/api/v1/operations/{id}").as_str());
    let items = app.get(&format!("/operations/{id}/items")).await.body;
    let ids: Vec<_> =
        items["items"].as_array().unwrap().iter().map(|it| it["tenant_id"].as_i64()).collect();
    assert_eq!(ids, [Some(3), Some(1), Some(2)]);
    let own = "select count(*) from tenantry.operation_items
        where input -> 'patch' ->> 'description' = 'd' || tenant_id";
    assert_eq!(app.count(own).await, 3);
}

#[tokio::test]
async fn every_wrong_line_of_a_list_is_named_and_nothing_is_recorded() {
    let app = fleet(3).await;
    app.execute("update tenantry.tenants set state = 'released' where id = 3").await;
    let description = json!({ "description": "a" });
    let line = |id: i64, patch: &Value| json!({ "id": id, "patch": patch });

    let mistakes =
        app.lines(&[line(1, &description), line(2, &json!({ "x": 1 })), json!([])]).await;
    let others =
        app.lines(&[line(1, &description), line(99, &description), line(3, &description)]).await;
    let taken = line(1, &json!({ "domain": tenant(1)["domain"] }));
    let names = app.lines(&[taken, line(2, &description)]).await;
    let empty = app.lines(&[]).await;
    let as_json = app.post("/tenants/update", &line(1, &description)).await;

    assert_eq!(told(&mistakes), [("/1/patch/x", "unknown_field"), ("/2", "invalid_field")]);
    assert_eq!((mistakes.status.as_u16(), mistakes.code()), (422, "invalid_lines"));
    assert_eq!(told(&others), [("/1/id", "tenant_not_found"), ("/2/id", "wrong_tenant_state")]);
    assert_eq!(told(&names), [("/0/patch/domain", "domain_taken")]);
    assert_eq!((empty.status.as_u16(), as_json.status.as_u16()), (422, 415));
    assert_eq!(app.count(UPDATES).await, 0);
}

#[tokio::test]
async fn a_list_takes_as_many_tenants_as_a_batch() {
    let app = App::start_with(&[("MAX_TENANTS_PER_BATCH", "2")]).await;
    let line = |id: i64| json!({ "id": id, "patch": { "description": "a" } });

    let answer = app.lines(&[line(1), line(2), line(3)]).await;

    assert_eq!((answer.status.as_u16(), answer.code()), (413, "too_many_tenants"));
}

#[tokio::test]
async fn a_new_tenant_can_have_labels_and_is_shown_with_them() {
    let app = App::start().await;
    let mut labelled = tenant(1);
    labelled["labels"] = json!({ "tier": "gold" });
    let batch = app.submit(vec![labelled]).await;
    app.succeed(batch, 1).await;

    let shown = app.get("/tenants/1").await.body;
    let listed = app.get("/tenants").await.body;

    assert_eq!(shown["labels"], json!({ "tier": "gold" }));
    assert_eq!(listed["tenants"][0]["labels"], shown["labels"]);
}
