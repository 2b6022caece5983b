//! The audit log and the history of a tenant are read by those who may view.

use axum::{
    body::Body,
    http::{Method, StatusCode, header},
};
use serde_json::{Value, json};

use crate::{
    item_story::stuck,
    operations::fleet,
    support::{Answer, App},
};

/// A log of one day: three rows of tenant 1, one of tenant 2, one of the queue.
const ROWS: &str = r#"insert into tenantry.audit_log
    (at, actor, action, tenant_id, operation_id, request_id, address, detail, role, on_behalf_of, personal) values
    ('2026-08-01 08:00Z', 'operator:ci', 'operation.submitted', 1, '00000000-0000-7000-8000-000000000001',
     'r-1', '10.0.0.7', '{"kind": "migrate"}', 'operator', 'bea', null),
    ('2026-08-01 09:00Z', 'worker:w1', 'tenant.migrated', 1, '00000000-0000-7000-8000-000000000001',
     null, null, '{"note": "say \"hi\", twice"}', null, null, null),
    ('2026-08-01 10:00Z', 'operator:ci', 'keys.revealed', 1, null, null, null, '{}', null, null,
     '{"note": "a", "salt": "s"}'),
    ('2026-08-01 11:00Z', 'worker:w1', 'tenant.migrated', 2, null, null, null, '{}', null, null, null),
    ('2026-08-01 12:00:00.123456Z', 'operator:ada', 'queue.paused', null, null, null, null, '{}', null, 'bea',
     null)"#;

async fn with_rows() -> App {
    let app = App::start().await;
    app.execute(ROWS).await;
    app
}

/// The ids of the entries that `query` finds.
async fn find(app: &App, query: &str) -> Vec<i64> {
    let answer = app.get(&format!("/audit?{query}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{query}: {answer:?}");
    ids(&answer.body)
}

fn ids(page: &Value) -> Vec<i64> {
    let entries = page["entries"].as_array().unwrap_or_else(|| panic!("{page}"));
    entries.iter().map(|it| it["id"].as_i64().unwrap()).collect()
}

async fn lines(app: &App, query: &str, accept: &str) -> Answer {
    let request = app.request(Method::GET, &format!("/audit{query}"));
    app.send(request.header(header::ACCEPT, accept).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn the_log_is_found_by_tenant_operation_actor_action_and_time() {
    let app = with_rows().await;
    let operation = "operation_id=00000000-0000-7000-8000-000000000001";

    let first = &app.get("/audit?action=operation.submitted").await.body["entries"][0];

    let whole = json!({ "id": 1, "at": "2026-08-01T08:00:00Z", "actor": "operator:ci",
        "action": "operation.submitted", "tenant_id": 1,
        "operation_id": "00000000-0000-7000-8000-000000000001", "request_id": "r-1",
        "address": "10.0.0.7", "detail": { "kind": "migrate" }, "role": "operator",
        "on_behalf_of": "bea", "personal": null });
    assert_eq!(*first, whole);
    for (query, found) in [
        ("", vec![5, 4, 3, 2, 1]),
        ("tenant_id=1", vec![3, 2, 1]),
        ("tenant_id=1&actor=worker:w1", vec![2]),
        ("tenant_id=1&action=keys.revealed", vec![3]),
        ("tenant_id=7", vec![]),
        (operation, vec![2, 1]),
        (&format!("{operation}&tenant_id=2"), vec![]),
        (&format!("{operation}&actor=operator:ci"), vec![1]),
        (&format!("{operation}&action=tenant.migrated"), vec![2]),
        ("actor=worker:w1", vec![4, 2]),
        ("actor=worker", vec![]),
        ("on_behalf_of=bea", vec![5, 1]),
        ("on_behalf_of=bea&tenant_id=1", vec![1]),
        ("on_behalf_of=bea&actor=operator:ada", vec![5]),
        ("on_behalf_of=bea&action=queue.paused&until=2026-08-01T12:00:00Z", vec![]),
        ("on_behalf_of=be", vec![]),
        (&format!("{operation}&on_behalf_of=bea"), vec![1]),
        ("actor=operator:ci&action=keys.revealed", vec![3]),
        ("action=tenant.migrated&until=2026-08-01T11:00:00Z", vec![2]),
        ("since=2026-08-01T11:00:00Z", vec![5, 4]),
        ("since=2026-08-01T09:00:00Z&until=2026-08-01T11:00:00Z", vec![3, 2]),
        ("since=2026-08-01T13:00:00%2B02:00&until=2026-08-01T12:00:00Z", vec![4]),
        ("since=0000-01-01T00:00:00Z&until=9999-12-31T23:59:59Z", vec![5, 4, 3, 2, 1]),
        ("until=0000-01-01T00:00:00Z", vec![]),
    ] {
        assert_eq!(find(&app, query).await, found, "{query}");
    }
}

#[tokio::test]
async fn pages_lines_and_cells_have_the_same_entries() {
    let app = with_rows().await;

    let (mut paged, mut query) = (Vec::new(), "limit=2".to_owned());
    loop {
        let page = app.get(&format!("/audit?{query}")).await.body;
        paged.extend(ids(&page));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("limit=2&cursor={cursor}");
    }
    let ndjson = lines(&app, "?tenant_id=1", "application/x-ndjson").await;
    let two = lines(&app, "?limit=2", "application/x-ndjson").await;
    let csv = lines(&app, "?actor=worker:w1&tenant_id=1", "text/csv").await;

    assert_eq!(paged, [5, 4, 3, 2, 1]);
    let read = |text: &str| -> Vec<Value> {
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let page = app.get("/audit?tenant_id=1").await.body;
    assert_eq!(read(&ndjson.text), *page["entries"].as_array().unwrap());
    assert_eq!(read(&two.text).len(), 2);
    assert_eq!(
        csv.text,
        "id,at,actor,action,tenant_id,operation_id,request_id,address,detail,role,on_behalf_of,personal\r\n\
         2,2026-08-01T09:00:00.000000Z,worker:w1,tenant.migrated,1,\
         00000000-0000-7000-8000-000000000001,,,\"{\"\"note\"\":\"\"say \\\"\"hi\\\"\", twice\"\"}\",,,\r\n"
    );
    assert_eq!(csv.headers[header::CONTENT_TYPE], "text/csv; charset=utf-8");
}

#[tokio::test]
async fn more_entries_than_one_read_are_streamed_whole() {
    let app = App::start().await;
    app.execute(
        "insert into tenantry.audit_log (at, actor, action)
         select '2026-08-01'::timestamptz, 'a', 'x' from generate_series(1, 2500)",
    )
    .await;

    let all = lines(&app, "", "application/x-ndjson").await.text;

    let id = |line| serde_json::from_str::<Value>(line).unwrap()["id"].as_i64().unwrap();
    assert_eq!(all.lines().map(id).collect::<Vec<_>>(), (1..=2500).rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_filter_that_cannot_be_read_is_named() {
    let app = with_rows().await;
    let page = app.get("/audit?limit=1").await.body;
    let cursor = page["next_cursor"].as_str().unwrap();
    app.enlist(1).await;

    for (path, name) in [
        ("/audit?tenant_id=acme", "tenant_id"),
        ("/audit?tenant_id=0", "tenant_id"),
        ("/audit?operation_id=7", "operation_id"),
        ("/audit?actor=%00", "actor"),
        ("/audit?action=a%00", "action"),
        ("/audit?on_behalf_of=a%00", "on_behalf_of"),
        ("/audit?since=yesterday", "since"),
        ("/audit?until=2026-08-01T09:00:00", "until"),
        ("/audit?since=%2B200000-01-01T00:00:00Z", "since"),
        ("/audit?limit=0", "limit"),
        ("/audit?limit=1001", "limit"),
        ("/audit?cursor=xyz", "cursor"),
        // `a:-99999999999999999.1`: a time that PostgreSQL does not have
        ("/audit?cursor=YTotOTk5OTk5OTk5OTk5OTk5OTkuMQ", "cursor"),
        ("/tenants/1/history?limit=0", "limit"),
        (&format!("/tenants/1/history?cursor={cursor}"), "cursor"),
        // `h:9.1.1`: no such source
        ("/tenants/1/history?cursor=aDo5LjEuMQ", "cursor"),
    ] {
        let answer = app.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (400, "invalid_parameter"), "{path}");
        let pointed = answer.body["errors"][0].to_string();
        assert!(pointed.contains(name), "{path}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_history_tells_operations_tries_keys_and_audit_in_one_order() {
    let app = fleet(2).await;
    let migration = stuck(&app).await;
    app.execute(ROWS).await;

    let whole = app.get("/tenants/1/history").await.body;
    let (mut paged, mut query) = (Vec::new(), "limit=1".to_owned());
    loop {
        let page = app.get(&format!("/tenants/1/history?{query}")).await.body;
        paged.extend(page["entries"].as_array().unwrap().clone());
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("limit=1&cursor={cursor}");
    }
    let nobody = app.get("/tenants/999999/history").await;

    let entries = whole["entries"].as_array().unwrap();
    assert_eq!(*entries, paged);
    let times: Vec<&str> = entries.iter().map(|it| it["at"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "{times:?}");
    let of = |what: &str| -> Vec<&Value> {
        entries.iter().map(|it| &it[what]).filter(|it| it.is_object()).collect()
    };
    let (operations, tries, keys, audit) = (of("operation"), of("attempt"), of("key"), of("audit"));
    assert_eq!(operations.len() + tries.len() + keys.len() + audit.len(), entries.len());
    let newest = operations[0];
    assert_eq!(newest["operation_id"], migration.to_string());
    assert_eq!(
        (&newest["kind"], &newest["status"], &newest["submitted_by"], &newest["error"]["code"]),
        (&json!("migrate"), &json!("stuck"), &json!("ada"), &json!("migration_failed"))
    );
    assert_eq!((operations.len(), &operations[1]["kind"]), (2, &json!("provision")));
    assert_eq!((tries.len(), &tries[0]["worker"]), (2, &json!("w1")));
    assert_eq!(tries[0]["operation_id"], migration.to_string());
    assert_eq!((keys.len(), keys[0]["last4"].as_str().map(str::len)), (1, Some(4)));
    let actions: Vec<&Value> = audit.iter().map(|it| &it["action"]).collect();
    assert_eq!(actions, ["keys.revealed", "tenant.migrated", "operation.submitted"]);
    assert!(!whole.to_string().contains("sealed"), "{whole}");
    assert_eq!((nobody.status, nobody.code()), (StatusCode::NOT_FOUND, "tenant_not_found"));
}
