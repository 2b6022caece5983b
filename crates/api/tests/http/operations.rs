//! Operations on tenants that are there.

use axum::{
    body::Body,
    http::{Method, StatusCode, header},
};
use domain::{Kind, OperationId};
use serde_json::{Value, json};
use store::items::Claimant;

use crate::support::{Answer, App, tenants};

/// The set that the workers of these tests have, and its versions.
const SET: &str = "5e7";

impl App {
    /// `n` active tenants, the ids from 1 on.
    async fn active(&self, n: usize) {
        let batch = self.submit(tenants(n)).await;
        self.succeed(batch, 1000).await;
        self.settle(batch).await;
        self.execute("delete from apalis.jobs").await;
    }

    /// `n` active tenants and a worker.
    pub(crate) async fn enlist(&self, n: usize) {
        self.active(n).await;
        self.worker_with(SET).await;
    }

    /// A worker that has `set`, which is registered.
    pub(crate) async fn worker_with(&self, set: &str) {
        sqlx::query(
            "insert into tenantry.migration_sets (hash, versions, descriptions, checksums)
             values ($1, '{1,2}', '{a,b}', '{c,d}') on conflict do nothing",
        )
        .bind(set)
        .execute(&self.db.pool)
        .await
        .unwrap();
        let mut conn = self.db.pool.acquire().await.unwrap();
        let worker = format!("w{}", OperationId::mint());
        let dead_after = std::time::Duration::from_secs(12);
        let by = Claimant { worker: &worker, kinds: Kind::ALL, set, dead_after };
        store::workers::register(&mut conn, &by, "here", 1, "0").await.unwrap();
    }

    /// An operation that migrates these tenants.
    pub(crate) async fn migrate(&self, tenants: &[i64]) -> OperationId {
        self.asked(&json!({ "kind": "migrate", "tenants": tenants, "params": up() })).await
    }

    async fn asked(&self, body: &Value) -> OperationId {
        operation(&self.command("/operations", body).await)
    }
}

fn operation(answer: &Answer) -> OperationId {
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    answer.body["operation_id"].as_str().unwrap().parse().unwrap()
}

fn up() -> Value {
    json!({ "direction": "up" })
}

/// An API with active tenants and a worker.
pub(crate) async fn fleet(n: usize) -> App {
    let app = App::start().await;
    app.enlist(n).await;
    app
}

fn all() -> Value {
    json!({ "kind": "migrate", "selector": { "all": true }, "params": up() })
}

fn with(body: &Value, name: &str, value: impl Into<Value>) -> Value {
    let mut body = body.clone();
    body[name] = value.into();
    body
}

/// `body` with the digest of a look at it.
async fn seen(app: &App, body: &Value) -> Value {
    let dry = app.command("/operations", &with(body, "dry_run", true)).await;
    with(body, "digest", dry.body["digest"].clone())
}

const OPERATIONS: &str = "select count(*) from tenantry.operations where kind = 'migrate'";

#[tokio::test]
async fn an_operation_on_listed_tenants_has_an_item_and_a_job_each() {
    let app = fleet(3).await;

    let body = json!({ "kind": "migrate", "tenants": [1, 3, 3], "params": up() });
    let answer = app.command("/operations", &body).await;

    let id = operation(&answer);
    let path = format!("/api/v1/operations/{id}");
    assert_eq!(answer.headers[header::LOCATION], path.as_str());
    let shown = &answer.body;
    assert_eq!((&shown["kind"], &shown["state"]), (&json!("migrate"), &json!("queued")));
    assert_eq!(shown["params"], json!({ "direction": "up", "set": SET }));
    assert_eq!(shown["progress"]["total"], 2);
    assert_eq!(shown["links"]["items"], format!("{path}/items"));
    assert_eq!(app.with_jobs(id).await, 2);
    let items = app.get(&format!("/operations/{id}/items")).await.body;
    let ids: Vec<_> =
        items["items"].as_array().unwrap().iter().map(|it| &it["tenant_id"]).collect();
    assert_eq!(ids, [1, 3]);
    assert_eq!(app.audited().await.last().unwrap(), "operation.submitted");
}

#[tokio::test]
async fn a_selector_needs_the_digest_of_a_dry_run_that_wrote_nothing() {
    let app = fleet(25).await;

    let blind = app.command("/operations", &all()).await;
    let dry = app.command("/operations", &with(&all(), "dry_run", true)).await;
    let made = app.command("/operations", &seen(&app, &all()).await).await;

    assert_eq!((blind.status, blind.code()), (StatusCode::CONFLICT, "digest_required"));
    assert_eq!((dry.status, &dry.body["tenants"]), (StatusCode::OK, &json!(25)));
    let sample = dry.body["sample"].as_array().unwrap();
    assert_eq!((sample.len(), &sample[0]["tenant_name"]), (20, &json!("Acme 0")));
    assert_eq!(app.count(OPERATIONS).await, 1);
    assert_eq!(made.body["progress"]["total"], 25, "{made:?}");
}

#[tokio::test]
async fn a_selection_that_has_changed_is_refused_with_what_it_is_now() {
    let app = fleet(3).await;
    let seen = seen(&app, &all()).await;
    app.execute("update tenantry.tenants set state = 'archived' where id = 2").await;

    let refused = app.command("/operations", &seen).await;
    let now = app.command("/operations", &with(&all(), "dry_run", true)).await;

    assert_eq!((refused.status, refused.code()), (StatusCode::CONFLICT, "selection_changed"));
    let error = &refused.body["errors"][0];
    assert_eq!(error["pointer"], "/digest");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("2 tenants") && message.contains(now.body["digest"].as_str().unwrap())
    );
    assert_eq!(app.count(OPERATIONS).await, 0);
}

#[tokio::test]
async fn tenants_at_the_head_of_the_set_are_left_out_and_no_operation_is_made_of_none() {
    let app = fleet(3).await;
    app.execute(
        "insert into tenantry.tenant_migrations (tenant_id, set_hash, version)
         values (1, '5e7', '2'), (2, '5e7', '1')",
    )
    .await;

    let behind = app.command("/operations", &with(&all(), "dry_run", true)).await;
    let current = app
        .command("/operations", &json!({ "kind": "migrate", "tenants": [1], "params": up() }))
        .await;
    let none = with(&all(), "selector", json!({ "name_prefix": "zzz" }));
    let none = app.command("/operations", &seen(&app, &none).await).await;
    let down =
        json!({ "kind": "migrate", "tenants": [1], "params": { "direction": "down", "to": "1" } });
    let down = app.command("/operations", &down).await;

    assert_eq!(behind.body["tenants"], 2);
    assert_eq!(current.status, StatusCode::OK, "{current:?}");
    assert_eq!(current.body, json!({ "operation": null, "up_to_date": 1 }));
    assert_eq!(none.body, json!({ "operation": null, "up_to_date": 0 }));
    assert_eq!(down.body["progress"]["total"], 1, "{down:?}");
    assert_eq!(app.count(OPERATIONS).await, 1);
}

#[tokio::test]
async fn tenants_that_are_not_there_or_in_another_state_are_named() {
    let app = fleet(3).await;
    app.execute("update tenantry.tenants set state = 'archived' where id = 2").await;
    app.execute("update tenantry.tenants set state = 'suspended' where id = 3").await;

    let body = json!({ "kind": "migrate", "tenants": [3, 2, 99], "params": up() });
    let refused = app.command("/operations", &body).await;

    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{refused:?}");
    assert_eq!(refused.code(), "invalid_tenants");
    let named = refused.body["errors"].as_array().unwrap().iter();
    let named: Vec<_> = named.map(|e| (e["pointer"].clone(), e["code"].clone())).collect();
    let expected = [("/tenants/1", "wrong_tenant_state"), ("/tenants/2", "tenant_not_found")];
    assert_eq!(named, expected.map(|(pointer, code)| (json!(pointer), json!(code))));
}

#[tokio::test]
async fn a_set_that_is_left_out_is_the_one_that_the_workers_have() {
    let app = App::start().await;
    app.active(1).await;
    let ask = async |params: Value| {
        let body = json!({ "kind": "migrate", "tenants": [1], "params": params });
        app.command("/operations", &body).await
    };

    let none = ask(up()).await;
    let unknown = ask(json!({ "direction": "up", "set": "abc" })).await;
    app.worker_with(SET).await;
    let no_version = ask(json!({ "direction": "down", "to": "7" })).await;
    let known = ask(up()).await;
    app.worker_with("other").await;
    let several = ask(up()).await;
    let named = ask(json!({ "direction": "up", "set": "other" })).await;
    app.execute("update tenantry.workers set stopped_at = now() where set_hash = 'other'").await;
    let one_again = ask(up()).await;

    assert_eq!((none.status, none.code()), (StatusCode::CONFLICT, "no_set"));
    assert_eq!((unknown.status.as_u16(), unknown.code()), (422, "unknown_set"));
    assert_eq!(unknown.body["errors"][0]["pointer"], "/params/set");
    assert_eq!((no_version.status.as_u16(), no_version.code()), (422, "unknown_version"));
    assert_eq!((several.status, several.code()), (StatusCode::CONFLICT, "several_sets"));
    for made in [known, named, one_again] {
        assert_eq!(made.status, StatusCode::ACCEPTED, "{made:?}");
    }
}

#[tokio::test]
async fn the_same_request_is_one_operation_and_a_dry_run_uses_no_key() {
    let app = fleet(2).await;
    let body = json!({ "kind": "migrate", "tenants": [1, 2], "params": up() });
    let key = [("idempotency-key", "deploy 7")];

    app.command_with("/operations", &key, &with(&body, "dry_run", true)).await;
    let first = app.command_with("/operations", &key, &body).await;
    app.worker_with("other").await;
    let again = app.command_with("/operations", &key, &body).await;
    let other = app.command_with("/operations", &key, &with(&body, "tenants", json!([1]))).await;

    assert_eq!(operation(&first), operation(&again));
    assert_eq!((other.status.as_u16(), other.code()), (422, "idempotency_key_reused"));
    assert_eq!(app.count(OPERATIONS).await, 1);
}

#[tokio::test]
async fn an_operation_for_later_has_no_jobs_before() {
    let app = fleet(1).await;
    let run_at = (chrono::Utc::now() + chrono::TimeDelta::hours(1)).to_rfc3339();
    let body = json!({ "kind": "migrate", "tenants": [1], "params": up(), "run_at": run_at });

    let later = app.command("/operations", &body).await;
    let past = app.command("/operations", &with(&body, "run_at", "2001-01-01T00:00:00Z")).await;

    assert_eq!(later.body["waiting_for"]["code"], "later", "{later:?}");
    assert_eq!(app.with_jobs(operation(&later)).await, 0);
    assert_eq!((past.status.as_u16(), past.code()), (422, "invalid_run_at"));
}

#[tokio::test]
async fn a_batch_is_an_operation_and_a_migration_is_no_batch() {
    let app = fleet(1).await;
    let migration = app.migrate(&[1]).await;
    let list = async |path: &str, name: &str| {
        let page = app.get(path).await.body;
        page[name].as_array().unwrap_or_else(|| panic!("{page}")).len()
    };

    assert_eq!(list("/operations", "operations").await, 2);
    assert_eq!(list("/operations?kind=provision&state=completed", "operations").await, 1);
    assert_eq!(list("/operations?state=failed", "operations").await, 0);
    assert_eq!(list("/batches", "batches").await, 1);
    for act in ["pause", "cancel", "retry", "resume"] {
        let refused = app.post(&format!("/batches/{migration}/{act}"), &Value::Null).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (404, "batch_not_found"), "{act}");
    }
    for path in ["", "/results"] {
        assert_eq!(app.get(&format!("/batches/{migration}{path}")).await.code(), "batch_not_found");
    }
    let newest = app.get("/operations?limit=1").await.body;
    let cursor = newest["next_cursor"].as_str().unwrap();
    let next = app.get(&format!("/operations?cursor={cursor}")).await.body;
    let batch = next["operations"][0]["operation_id"].as_str().unwrap();
    assert_eq!(app.get(&format!("/operations/{batch}")).await.body["kind"], "provision");
    assert_eq!(app.get(&format!("/batches?cursor={cursor}")).await.code(), "invalid_parameter");
    assert_eq!(app.get("/operations?kind=explode").await.code(), "invalid_parameter");
}

#[tokio::test]
async fn an_operation_is_paused_resumed_and_cancelled_in_its_own_words() {
    let app = fleet(2).await;
    let id = app.migrate(&[1, 2]).await;
    let act =
        async |what: &str| app.command(&format!("/operations/{id}/{what}"), &Value::Null).await;

    let paused = act("pause").await;
    let twice = act("pause").await;
    let resumed = act("resume").await;
    let again = act("resume").await;
    let open = act("retry").await;
    let cancelled = act("cancel").await;
    let over = act("cancel").await;
    let unknown =
        app.post(&format!("/operations/{}/pause", OperationId::mint()), &Value::Null).await;

    assert_eq!(paused.body["waiting_for"]["code"], "operation_paused", "{paused:?}");
    assert_eq!((twice.status, twice.code()), (StatusCode::CONFLICT, "operation_paused"));
    assert_eq!((resumed.status, &resumed.body["paused"]), (StatusCode::OK, &json!(false)));
    assert_eq!(again.code(), "operation_not_paused");
    assert_eq!(open.code(), "operation_open");
    assert_eq!(
        (cancelled.status, &cancelled.body["state"]),
        (StatusCode::ACCEPTED, &json!("cancelled"))
    );
    assert_eq!(over.code(), "operation_finished");
    assert_eq!((unknown.status.as_u16(), unknown.code()), (404, "operation_not_found"));
    let page = include_str!("../../../../docs/API.md");
    for code in ["finished", "open", "ending", "paused", "not_paused", "not_found"] {
        assert!(page.contains(&format!("`operation_{code}`")), "{code}");
    }
}

#[tokio::test]
async fn a_retry_runs_the_failed_tenants_again_and_leaves_the_tenants_and_the_rest_alone() {
    let app = fleet(3).await;
    let id = app.migrate(&[1, 2, 3]).await;
    app.execute(
        "update tenantry.operation_items i
         set state = case idx when 0 then 'succeeded' else 'failed' end, finished_at = now(),
             attempt = 1, tries = 6, error_code = case idx when 0 then null when 1 then 'migration_failed'
                 else 'timed_out' end, error_message = 'it failed'
         from tenantry.operations o where o.id = i.operation_id and o.kind = 'migrate'",
    )
    .await;
    app.execute(
        "insert into tenantry.checkpoints (item_id, stage, attempt, steps)
         select i.id, 'migrate_1', 1, '[]' from tenantry.operation_items i
         join tenantry.operations o on o.id = i.operation_id where o.kind = 'migrate' and i.idx = 1",
    )
    .await;
    app.settle(id).await;
    app.execute("delete from apalis.jobs").await;

    let group = json!({ "code": "migration_failed" });
    let retried = app.command(&format!("/operations/{id}/retry"), &group).await;

    assert_eq!(retried.status, StatusCode::ACCEPTED, "{retried:?}");
    let items = app.get(&format!("/operations/{id}/items")).await.body;
    let states: Vec<_> = (0..3).map(|i| items["items"][i]["status"].as_str().unwrap()).collect();
    assert_eq!(states, ["succeeded", "queued", "failed"]);
    assert_eq!(app.with_jobs(id).await, 1);
    let fresh =
        "select count(*) from tenantry.operation_items where state = 'queued' and tries = 0";
    assert_eq!(app.count(fresh).await, 1);
    let kept = "select count(*) from tenantry.checkpoints where undone_at is null";
    assert_eq!(app.count(kept).await, 1, "what is done stays done");
    assert_eq!(app.count("select count(*) from tenantry.tenants where state = 'active'").await, 3);
    let unlimited = "select count(*) from tenantry.operations where kind = 'migrate'
        and deadline_at is null and run = 2";
    assert_eq!(app.count(unlimited).await, 1, "a migration has no deadline");
}

#[tokio::test]
async fn items_are_listed_by_state_and_code_and_as_lines() {
    let app = fleet(3).await;
    let id = app.migrate(&[1, 2, 3]).await;
    app.execute(
        "update tenantry.operation_items i set state = 'failed', error_code = 'timed_out',
             error_message = 'slow, \"very\"'
         from tenantry.operations o
         where o.id = i.operation_id and o.kind = 'migrate' and i.idx > 0",
    )
    .await;
    let indexes = async |query: &str| {
        let page = app.get(&format!("/operations/{id}/items{query}")).await.body;
        let items = page["items"].as_array().unwrap_or_else(|| panic!("{page}")).clone();
        (items.iter().map(|it| it["index"].as_i64().unwrap()).collect::<Vec<_>>(), page)
    };
    let lines = async |accept: &str| {
        let request = app.request(Method::GET, &format!("/operations/{id}/items?code=timed_out"));
        app.send(request.header(header::ACCEPT, accept).body(Body::empty()).unwrap()).await
    };

    let (first, page) = indexes("?code=timed_out&limit=1").await;
    let cursor = page["next_cursor"].as_str().unwrap();
    let (second, _) = indexes(&format!("?code=timed_out&cursor={cursor}")).await;
    let csv = lines("text/csv").await;
    let ndjson = lines("application/x-ndjson").await;
    let bad = app.get(&format!("/operations/{id}/items?code=%00")).await;
    let unknown = app.get(&format!("/operations/{}/items", OperationId::mint())).await;

    assert_eq!((first, second), (vec![1], vec![2]));
    assert_eq!(indexes("?status=queued").await.0, [0]);
    assert_eq!(indexes("?code=other").await.0, [0; 0]);
    assert_eq!(csv.headers[header::CONTENT_TYPE], "text/csv; charset=utf-8");
    let rows: Vec<&str> = csv.text.lines().collect();
    assert_eq!(rows.len(), 3, "{}", csv.text);
    assert!(rows[0].starts_with("index,tenant_name,status,"), "{}", rows[0]);
    assert!(rows[1].ends_with("timed_out,\"slow, \"\"very\"\"\",,false"), "{}", rows[1]);
    assert_eq!(ndjson.text.lines().count(), 2);
    assert_eq!((bad.status.as_u16(), bad.code()), (400, "invalid_parameter"));
    assert_eq!((unknown.status.as_u16(), unknown.code()), (404, "operation_not_found"));
}
