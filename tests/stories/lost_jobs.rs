//! A job is a wake-up call and no more: lost or doubled, it changes nothing.

use domain::{ItemId, Kind};
use std::time::Duration;

use super::support::{System, orphans, tenants};

async fn items(system: &System) -> Vec<(ItemId, Kind)> {
    let ids: Vec<i64> = sqlx::query_scalar("select id from tenantry.operation_items order by id")
        .fetch_all(&system.db.pool)
        .await
        .unwrap();
    ids.into_iter().map(|id| (ItemId::new(id), Kind::Provision)).collect()
}

#[tokio::test]
async fn a_tenant_whose_job_is_delivered_three_times_at_once_is_made_once() {
    let mut system = System::start(0).await;
    let batch = system.submit(tenants(60)).await;
    let mut conn = system.db.pool.acquire().await.unwrap();
    for _ in 0..2 {
        queue::wake(&mut conn, &items(&system).await, Duration::ZERO).await.unwrap();
    }
    drop(conn);

    system.add_worker(&[]).await;
    system.add_worker(&[]).await;
    let over = system.finished(&batch).await;

    assert_eq!(over["state"], "completed", "{over}");
    assert_eq!(system.count("select count(*) from apalis.jobs").await, 180);
    let again = "select count(*) from tenantry.operation_items where attempt <> 1";
    assert_eq!(system.count(again).await, 0);
    assert_eq!(orphans(&system.db.pool).await, Vec::<String>::new());
}

#[tokio::test]
async fn tenants_whose_jobs_were_lost_are_made_after_all() {
    let mut system = System::start(0).await;
    let batch = system.submit(tenants(20)).await;
    for sql in [
        "delete from apalis.jobs",
        // Long enough ago that a job should have come.
        "update tenantry.operation_items set created_at = created_at - interval '5 minutes'",
    ] {
        sqlx::query(sql).execute(&system.db.pool).await.unwrap();
    }

    system.add_worker(&[]).await;
    let over = system.finished(&batch).await;

    assert_eq!(over["state"], "completed", "{over}");
    assert_eq!(orphans(&system.db.pool).await, Vec::<String>::new());
}
