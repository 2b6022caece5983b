//! Kind `purge`: what is left of a deleted tenant is dropped.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the failure")]

mod bench;

use bench::{WORKER, admit, executor, giving_way, parts, register, remains, submit, take};
use domain::Kind;
use serde_json::json;

#[tokio::test]
async fn a_drop_waits_for_a_new_tenant_of_the_same_process() {
    let db = harness::fresh_db().await;
    let parts = parts(&db.pool).await;
    let worker = executor(&db.pool, &parts, WORKER);
    register(&db.pool, WORKER).await;
    let (item, tenant) = submit(&db.pool, "acme").await;
    worker.work(take(&worker, item).await.unwrap()).await.unwrap();
    let carry_out = async |kind, params| {
        let operation = admit(&db.pool, kind, &params, &[tenant], None).await;
        let mut conn = db.pool.acquire().await.unwrap();
        let item = store::items::due(&mut conn, operation, 1).await.unwrap()[0];
        worker.work(take(&worker, item).await.unwrap()).await.unwrap();
    };
    carry_out(Kind::Delete, json!({ "grace_days": 0, "name_hold_days": 0 })).await;

    giving_way(parts.making(), carry_out(Kind::Purge, json!({ "large": false }))).await;

    assert_eq!(remains(&db.pool, tenant).await, (false, false, false));
}
