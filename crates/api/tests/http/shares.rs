//! A caller's many batches do not hold up the one batch of another.

use axum::http::{Method, StatusCode};
use domain::OperationId;
use serde_json::{Value, json};
use store::operations;

use crate::support::{App, tenant};

/// Twenty batches of one operator, by every way in; each of three tenants but the single ones.
async fn twenty(app: &App) -> Vec<OperationId> {
    let mut submitted = Vec::new();
    for n in 0..20 {
        let three: Vec<Value> = (0..3).map(|k| tenant(n * 10 + k)).collect();
        let answer = match n % 4 {
            0 => app.post("/tenants/batch", &json!({ "tenants": three })).await,
            1 => {
                let key = format!("key-{n}");
                let headers = [("idempotency-key", key.as_str())];
                app.post_with("/tenants/batch", &headers, &json!({ "tenants": three })).await
            }
            2 => app.post("/tenants/batch", &json!({ "tenants": three, "mode": "atomic" })).await,
            _ => app.post("/tenants", &tenant(n * 10)).await,
        };
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        submitted.push(answer.batch());
    }
    submitted
}

/// The batches of the next `n` jobs, as the queue gives them out.
async fn next(app: &App, n: i32) -> Vec<OperationId> {
    sqlx::query(
        "insert into apalis.workers (id, worker_type, storage_name, last_seen)
         values ('w', $1, 's', now()) on conflict do nothing",
    )
    .bind(queue::Class::NewTenants.queue())
    .execute(&app.db.pool)
    .await
    .unwrap();
    let ids: Vec<uuid::Uuid> = sqlx::query_scalar(
        "select i.operation_id from apalis.get_jobs('w', $1, $2) with ordinality as served
         join tenantry.operation_items i on i.id = (convert_from(served.job, 'UTF8')::jsonb ->> 'item')::bigint
         order by served.ordinality",
    )
    .bind(queue::Class::NewTenants.queue())
    .bind(n)
    .fetch_all(&app.db.pool)
    .await
    .unwrap();
    ids.into_iter().map(OperationId::new).collect()
}

#[tokio::test]
async fn one_batch_of_another_caller_is_not_behind_twenty_of_one() {
    let app = App::start().await;
    let many = twenty(&app).await;

    let single = app.command("/tenants/batch", &json!({ "tenants": [tenant(900)] })).await.batch();

    let served = next(&app, 3).await;
    assert!(served.contains(&single), "{single} is not among {served:?}");
    assert!(served.contains(&many[0]), "{} is not among {served:?}", many[0]);
}

#[tokio::test]
async fn a_batch_that_is_retried_or_resumed_stands_behind_what_its_caller_has_under_way() {
    let app = App::start().await;
    let act = async |batch: OperationId, what: &str| {
        let answer = app.post(&format!("/batches/{batch}/{what}"), &Value::Null).await;
        assert!(answer.status.is_success(), "{what}: {answer:?}");
    };
    let retried = app.submit(vec![tenant(901), tenant(902)]).await;
    act(retried, "cancel").await;
    let paused = app.submit(vec![tenant(903), tenant(904)]).await;
    act(paused, "pause").await;
    app.execute("delete from apalis.jobs").await;
    let many = twenty(&app).await;

    act(retried, "retry").await;
    act(paused, "resume").await;
    let single = app.command("/tenants/batch", &json!({ "tenants": [tenant(900)] })).await.batch();

    let served = next(&app, 6).await;
    assert!(served.contains(&single) && served.contains(&many[0]), "{served:?}");
    assert!(!served.contains(&retried) && !served.contains(&paused), "{served:?}");
}

#[tokio::test]
async fn only_what_is_under_way_counts_and_no_more_than_a_hundred() {
    let app = App::start().await;
    let first = app.submit(vec![tenant(1)]).await;
    let ahead = async || {
        let mut conn = app.db.pool.acquire().await.unwrap();
        operations::ahead(&mut conn, first).await.unwrap()
    };
    let later = json!({ "tenants": [tenant(2)], "run_at": "2999-01-01T00:00:00Z" });
    assert_eq!(app.post("/tenants/batch", &later).await.status.as_u16(), 422, "too far away");
    let soon = chrono::Utc::now() + chrono::TimeDelta::hours(1);
    let later = json!({ "tenants": [tenant(2)], "run_at": soon.to_rfc3339() });
    app.post("/tenants/batch", &later).await.batch();
    let over = app.submit(vec![json!({})]).await;
    let paused = app.submit(vec![tenant(3)]).await;
    let request = app.request(Method::POST, &format!("/batches/{paused}/pause"));
    app.send(request.body(axum::body::Body::empty()).unwrap()).await;
    let others = app.command("/tenants/batch", &json!({ "tenants": [tenant(4)] })).await.batch();
    assert_eq!(ahead().await, 0, "{over} {others}");

    app.submit(vec![tenant(5)]).await;
    assert_eq!(ahead().await, 1);

    app.execute(
        "insert into tenantry.operations (id, state, mode, total, created_by)
         select gen_random_uuid(), 'queued', 'independent', 1, b.created_by
         from (select created_by from tenantry.operations order by id limit 1) b,
              generate_series(1, 150)",
    )
    .await;
    assert_eq!(ahead().await, 100);
}
