//! A batch can be stopped, and what did not come to be can be tried again.

use super::support::{System, orphans, tenant, tenants};

#[tokio::test]
async fn cancel_stops_what_has_not_begun_and_retry_makes_it_after_all() {
    let slow = [("TENANTRY__WORKER__CONCURRENCY", "1"), ("TENANTRY__WORKER__GROUP_SIZE", "8")];
    let system = System::configured(2, &slow).await;
    let batch = system.submit(tenants(150)).await;
    system.succeeded(&batch, 3).await;

    let path = format!("/api/v1/batches/{batch}");
    let answer = system.client.command(&format!("{path}/cancel")).await.json(202);
    let over = system.finished(&batch).await;
    let results = system.results(&batch).await;

    assert!(["cancelling", "cancelled"].contains(&answer["state"].as_str().unwrap()), "{answer}");
    assert_eq!(over["state"], "cancelled", "{over}");
    let (made, cancelled) = (&over["progress"]["succeeded"], &over["progress"]["cancelled"]);
    assert_eq!(made.as_u64().unwrap() + cancelled.as_u64().unwrap(), 150, "{over}");
    assert!(cancelled.as_u64().unwrap() > 0, "nothing was left to cancel");
    for result in results.iter().filter(|result| result["status"] == "cancelled") {
        assert_eq!(result["error"]["code"], "cancelled", "{result}");
    }
    assert_eq!(orphans(&system.db.pool).await, Vec::<String>::new());
    let finished = system.client.command(&format!("{path}/cancel")).await;
    assert_eq!(finished.problem(409), "batch_finished");

    let answer = system.client.command(&format!("{path}/retry")).await.json(202);
    let over = system.finished(&batch).await;

    assert_eq!(answer["batch_id"], batch.as_str());
    assert_eq!(over["state"], "completed", "{over}");
    assert_eq!(over["progress"]["succeeded"], 150);
    assert_eq!(orphans(&system.db.pool).await, Vec::<String>::new());
    assert_eq!(system.reveal(&batch).await.len(), 150);
}

#[tokio::test]
async fn retry_makes_the_failed_ones_once_their_cause_is_gone_and_only_those() {
    let system = System::start(1).await;
    let pool = &system.db.pool;
    sqlx::query("create schema in_the_way").execute(pool).await.unwrap();
    let mut blocked = tenant(1);
    blocked["schema_name"] = "in_the_way".into();
    let batch = system.submit(vec![tenant(0), blocked, tenant(2)]).await;
    assert_eq!(system.finished(&batch).await["state"], "completed_with_failures");
    let before = system.results(&batch).await;

    sqlx::query("drop schema in_the_way").execute(pool).await.unwrap();
    let path = format!("/api/v1/batches/{batch}/retry");
    system.client.command(&path).await.json(202);
    let over = system.finished(&batch).await;
    let after = system.results(&batch).await;

    assert_eq!(over["state"], "completed", "{after:#?}");
    assert_eq!((&after[0], &after[2]), (&before[0], &before[2]));
    assert_eq!(after[1]["schema_name"], "in_the_way");
    assert_eq!(orphans(pool).await, Vec::<String>::new());
    let events = "select count(*) from tenantry.outbox where kind = 'operation.finished'";
    assert_eq!(system.count(events).await, 2, "one for each end");
    assert_eq!(system.client.command(&path).await.status, 409, "nothing is left to retry");
}

#[tokio::test]
async fn a_batch_that_is_cancelled_before_any_worker_came_leaves_its_names_free() {
    let mut system = System::start(0).await;
    let batch = system.submit(tenants(20)).await;

    let path = format!("/api/v1/batches/{batch}/cancel");
    let answer = system.client.command(&path).await.json(202);
    let again = system.submit(tenants(20)).await;
    system.add_worker(&[]).await;
    let over = system.finished(&again).await;

    assert_eq!(answer["state"], "cancelled", "{answer}");
    assert_eq!(over["state"], "completed", "{over}");
    assert_eq!(orphans(&system.db.pool).await, Vec::<String>::new());
}
