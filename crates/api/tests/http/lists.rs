//! Lists, page by page.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::support::{App, tenants};

fn names(list: &Value) -> Vec<String> {
    let list = list.as_array().unwrap();
    list.iter().map(|t| t["tenant_name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn tenants_are_listed_by_page_and_by_cursor_alike() {
    let app = App::start().await;
    app.submit(tenants(7)).await;

    let mut by_page = Vec::new();
    for page in 1..=3 {
        let answer = app.get(&format!("/tenants?page={page}&limit=3")).await.body;
        assert_eq!((&answer["page"], &answer["limit"]), (&json!(page), &json!(3)));
        assert_eq!((&answer["total"], &answer["total_is_exact"]), (&json!(7), &json!(true)));
        by_page.extend(names(&answer["tenants"]));
    }
    let mut by_cursor = Vec::new();
    let mut next = app.get("/tenants?limit=3").await.body;
    loop {
        by_cursor.extend(names(&next["tenants"]));
        let Some(cursor) = next["next_cursor"].as_str() else { break };
        next = app.get(&format!("/tenants?limit=3&cursor={cursor}")).await.body;
    }

    let all: Vec<String> = (0..7).map(|n| format!("Acme {n}")).collect();
    let mut sorted = by_page.clone();
    sorted.sort();
    assert_eq!(sorted, all);
    assert_eq!(by_cursor, by_page);
}

#[tokio::test]
async fn a_tenant_is_found_by_each_of_its_names() {
    let app = App::start().await;
    let named = |name: &str, domain: &str, id: &str, schema: &str| json!({ "tenant_name": name, "domain": domain, "external_id": id, "schema_name": schema });
    let batch = app
        .submit(vec![
            named("Acme", "acme.example", "cus_1", "acme"),
            named("Bücher", "bücher.example", "cus_2", "books"),
        ])
        .await;
    app.succeed(batch, 1).await;
    let find = async |query: &str| {
        let page = app.get(&format!("/tenants?{query}")).await.body;
        assert_eq!(page["total"], page["tenants"].as_array().unwrap().len());
        names(&page["tenants"])
    };

    assert_eq!(find("external_id=cus_2").await, ["Bücher"]);
    assert_eq!(find("external_id=cus").await, [""; 0]);
    assert_eq!(find("domain=B%C3%BCcher.example.").await, ["Bücher"]);
    assert_eq!(find("schema_name=ACME").await, ["Acme"]);
    assert_eq!(find("schema_name=acme&external_id=cus_1&domain=acme.example").await, ["Acme"]);
    assert_eq!(find("schema_name=acme&external_id=cus_2").await, [""; 0]);
    assert_eq!(find("external_id=cus_1&status=pending").await, [""; 0]);
    assert_eq!(find("external_id=cus_1&q=buch").await, [""; 0]);
}

#[tokio::test]
async fn tenants_are_found_by_state_and_by_the_start_of_name_or_domain() {
    let app = App::start().await;
    let named = |name: &str, domain: &str| json!({ "tenant_name": name, "domain": domain });
    let batch = app
        .submit(vec![
            named("Banana", "a.example"),
            named("cherry", "banana.example"),
            named("100% juice", "c.example"),
            named("1000 juices", "d.example"),
        ])
        .await;
    app.succeed(batch, 1).await;
    let find =
        async |query: &str| names(&app.get(&format!("/tenants?{query}")).await.body["tenants"]);

    assert_eq!(find("q=BAN").await.len(), 2);
    assert_eq!(find("q=100%25").await, ["100% juice"]);
    assert_eq!(find("q=_00").await, [""; 0]);
    assert_eq!(find("status=active").await.len(), 1);
    assert_eq!(find("status=pending&q=ban").await.len(), 1);
    assert_eq!(find("status=deleted").await, [""; 0]);
}

#[tokio::test]
async fn released_tenants_are_listed_only_when_asked_for() {
    let app = App::start().await;
    let batch = app.submit(tenants(2)).await;
    app.fail_rest(batch, "verify_failed").await;

    let living = app.get("/tenants").await.body;
    let deleted = app.get("/tenants?status=deleted").await.body;
    let released = app.get("/tenants?status=released").await.body;

    assert_eq!((&living["total"], &deleted["total"]), (&json!(0), &json!(0)));
    assert_eq!(released["total"], json!(2));
    let id = &released["tenants"][0]["tenant_id"];
    let status = app.get(&format!("/tenants/{id}/status")).await.body;
    assert_eq!(
        (&status["status"], &status["schema_status"]),
        (&json!("released"), &json!("absent"))
    );
}

#[tokio::test]
async fn what_cannot_be_read_of_a_query_is_named() {
    let app = App::start().await;
    let cursor = app.submit(tenants(1)).await;

    for (query, code) in [
        ("limit=0", "invalid_parameter"),
        ("limit=201", "invalid_parameter"),
        ("limit=x", "invalid_parameter"),
        ("page=0", "invalid_parameter"),
        ("page=201&limit=50", "use_cursor"),
        ("cursor=xyz", "invalid_parameter"),
        ("status=asleep", "invalid_parameter"),
        ("q=%00", "invalid_parameter"),
    ] {
        let answer = app.get(&format!("/tenants?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert_eq!(answer.code(), code, "{query}");
    }
    let results = app.get(&format!("/batches/{cursor}/results?status=lost")).await;
    assert_eq!(results.code(), "invalid_parameter");
}

#[tokio::test]
async fn batches_are_listed_newest_first() {
    let app = App::start().await;
    let mut submitted = Vec::new();
    for n in 0..3 {
        submitted.push(app.submit(vec![tenants(3)[n].clone()]).await.to_string());
    }

    let first = app.get("/batches?limit=2").await.body;
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = app.get(&format!("/batches?limit=2&cursor={cursor}")).await.body;

    let ids: Vec<&str> = [&first, &second]
        .iter()
        .flat_map(|page| page["batches"].as_array().unwrap())
        .map(|batch| batch["batch_id"].as_str().unwrap())
        .collect();
    submitted.reverse();
    assert_eq!(ids, submitted);
    assert!(second["next_cursor"].is_null());
    assert_eq!(first["batches"][0]["total"], 1);
}

#[tokio::test]
async fn results_are_paged_and_found_by_state() {
    let app = App::start().await;
    let mut items = tenants(5);
    items[1] = json!({});
    let batch = app.submit(items).await;
    sqlx::query(
        "insert into tenantry.checkpoints (item_id, stage, attempt, steps)
         select id, 'tenant', 1, '[{\"name\": \"create_role\", \"state\": \"done\",
             \"duration_ms\": 1.5}]' from tenantry.operation_items where idx = 0",
    )
    .execute(&app.db.pool)
    .await
    .unwrap();

    let first = app.get(&format!("/batches/{batch}/results?limit=2")).await.body;
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = app.get(&format!("/batches/{batch}/results?cursor={cursor}")).await.body;
    let failed = app.get(&format!("/batches/{batch}/results?status=failed")).await.body;

    let steps = json!([{ "name": "create_role", "state": "done", "duration_ms": 1.5 }]);
    assert_eq!(first["results"][0]["steps"], steps);
    assert_eq!(first["results"].as_array().unwrap().len(), 2);
    assert_eq!(rest["results"].as_array().unwrap().len(), 3);
    assert!(rest["next_cursor"].is_null());
    assert_eq!(failed["results"].as_array().unwrap().len(), 1);
    assert_eq!(failed["results"][0]["index"], 1);
}

async fn make_schema_and_role(app: &App, tenant: i64) {
    let make: String = sqlx::query_scalar(
        "select format('create schema %I; create role %I', schema_name, role_name)
         from tenantry.tenants where id = $1",
    )
    .bind(tenant)
    .fetch_one(&app.db.pool)
    .await
    .unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(make)).execute(&app.db.pool).await.unwrap();
}

#[tokio::test]
async fn a_tenant_tells_what_it_is_and_how_it_is() {
    let app = App::start().await;
    let batch = app.submit(tenants(1)).await;
    let id = app.results(batch).await[0]["tenant_id"].as_i64().unwrap();

    let pending = app.get(&format!("/tenants/{id}/status")).await.body;
    app.succeed(batch, 1).await;
    let failed = app.get(&format!("/tenants/{id}/status")).await.body;
    make_schema_and_role(&app, id).await;
    let active = app.get(&format!("/tenants/{id}/status")).await.body;
    let tenant = app.get(&format!("/tenants/{id}")).await.body;
    let nobody = app.get("/tenants/999999").await;

    assert_eq!(
        (&pending["status"], &pending["schema_status"]),
        (&json!("pending"), &json!("pending"))
    );
    assert_eq!(
        (&failed["status"], &failed["schema_status"]),
        (&json!("active"), &json!("failed")),
        "its schema and role do not exist"
    );
    assert_eq!(
        (&active["status"], &active["schema_status"]),
        (&json!("active"), &json!("provisioned"))
    );
    for field in ["tenant_id", "tenant_name", "migration_version", "created_at", "last_activity"] {
        assert!(active.get(field).is_some(), "{field}");
    }
    assert_eq!(tenant["tenant_name"], "Acme 0");
    assert_eq!((nobody.status, nobody.code()), (StatusCode::NOT_FOUND, "tenant_not_found"));
}
