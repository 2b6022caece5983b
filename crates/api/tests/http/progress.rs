//! What a poll says of a batch, and what it costs.

use domain::OperationId;
use serde_json::{Value, json};

use crate::support::{App, tenants};

async fn progress(app: &App, batch: OperationId) -> Value {
    app.get(&format!("/batches/{batch}")).await.body
}

/// From now on no item can be read but through its key.
async fn take_items_away(app: &App, batch: OperationId) {
    sqlx::query("update tenantry.operation_items set state = 'queued' where operation_id = $1")
        .bind(batch.get())
        .execute(&app.db.pool)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_batch_that_is_over_is_told_from_its_row_alone() {
    let app = App::start().await;
    let batch = app.submit(tenants(5)).await;
    app.execute("update tenantry.operations set state = 'running', started_at = now()").await;
    app.succeed(batch, 3).await;
    app.fail_rest(batch, "verify_failed").await;
    app.settle(batch).await;
    let before = progress(&app, batch).await;

    take_items_away(&app, batch).await;
    let after = progress(&app, batch).await;

    assert_eq!(before["progress"], after["progress"]);
    let told = &after["progress"];
    assert_eq!(
        (&told["total"], &told["succeeded"], &told["failed"], &told["percent"]),
        (&json!(5), &json!(3), &json!(2), &json!(100.0))
    );
    assert!(told["tenants_per_second"].is_number() || after["processing_time_ms"] == 0, "{after}");
}

#[tokio::test]
async fn each_run_ends_with_totals_of_its_own() {
    let app = App::start().await;
    let batch = app.submit(tenants(4)).await;
    app.succeed(batch, 1).await;
    app.fail_rest(batch, "attempts_exhausted").await;
    app.settle(batch).await;

    app.execute("update tenantry.operation_items set error_retryable = true").await;
    app.post(&format!("/batches/{batch}/retry"), &Value::Null).await;
    let open = progress(&app, batch).await;
    app.succeed(batch, 3).await;
    app.settle(batch).await;
    let over = progress(&app, batch).await;

    assert_eq!((&open["state"], &open["progress"]["queued"]), (&json!("queued"), &json!(3)));
    assert_eq!((&over["state"], &over["progress"]["succeeded"]), (&json!("completed"), &json!(4)));
}

#[tokio::test]
async fn a_batch_that_an_earlier_version_ended_is_counted() {
    let app = App::start().await;
    let batch = app.submit(tenants(2)).await;
    app.succeed(batch, 2).await;
    app.settle(batch).await;
    app.execute(
        "update tenantry.operations set totals_run = null, total_succeeded = null, total_failed = null,
             total_cancelled = null, total_rolled_back = null, total_ended_in_run = null",
    )
    .await;

    assert_eq!(progress(&app, batch).await["progress"]["succeeded"], 2);
}

#[tokio::test]
async fn batches_that_were_over_before_totals_were_kept_get_theirs() {
    let app = App::start().await;
    let batch = app.submit(tenants(3)).await;
    app.execute("update tenantry.operations set state = 'running', started_at = now()").await;
    app.succeed(batch, 2).await;
    app.fail_rest(batch, "verify_failed").await;
    app.settle(batch).await;
    let before = progress(&app, batch).await;
    let open = app.post("/tenants", &crate::support::tenant(9)).await.batch();

    store::MIGRATOR.undo(&app.db.pool, 3).await.unwrap();
    store::migrate(&app.db.pool).await.unwrap();
    take_items_away(&app, batch).await;

    assert_eq!(progress(&app, batch).await, before);
    assert_eq!(progress(&app, open).await["progress"]["queued"], 1);
}

#[tokio::test]
async fn an_end_is_never_told_with_an_older_count() {
    let app = App::start().await;
    // Large enough that its count is used again.
    let batch = app.submit(tenants(600)).await;
    let open = progress(&app, batch).await;
    assert_eq!(open["progress"]["queued"], 600);

    app.fail_rest(batch, "verify_failed").await;
    app.settle(batch).await;
    let over = progress(&app, batch).await;

    assert_eq!((&over["state"], &over["progress"]["failed"]), (&json!("failed"), &json!(600)));
}

#[tokio::test]
async fn who_cancels_sees_at_once_what_came_of_it() {
    let app = App::start().await;
    let batch = app.submit(tenants(600)).await;
    // One that is in work keeps the batch open.
    app.execute("update tenantry.operation_items set state = 'running' where idx = 1").await;
    // A count that is used again for 250 ms.
    progress(&app, batch).await;

    app.post(&format!("/batches/{batch}/cancel"), &Value::Null).await;

    let told = progress(&app, batch).await;
    assert_eq!(
        (&told["state"], &told["progress"]["cancelled"]),
        (&json!("cancelling"), &json!(599))
    );
}
