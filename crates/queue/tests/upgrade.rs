//! Jobs that an earlier version left in the queue.

#![allow(clippy::unwrap_used, reason = "a failed helper fails the test")]

use domain::ItemId;
use queue::{setup, without_live_job};
use sqlx::PgPool;

/// Jobs of an earlier version, with ids that begin with a time: of items 1 and 2 not begun, of 3 held
/// by a worker, of 4 done. Then what no version wrote.
const LEFT: &str = r#"
    insert into apalis.workers (id, worker_type, storage_name) values ('w', 'tenantry.provision', 'x');
    insert into apalis.jobs (id, job_type, job, status, run_at, lock_by) values
        ('01M8C18GW602BEMGH7QFAVVGE1', 'tenantry.provision', '{"v":1,"item":1}', 'Pending', now(), null),
        ('01M8C18GW602BEMGH7QFAVVGE2', 'tenantry.provision', '{"v":1,"item":2}', 'Pending',
         now() + interval '1 hour', null),
        ('01M8C18GW602BEMGH7QFAVVGE3', 'tenantry.provision', '{"v":1,"item":3}', 'Queued', now(), 'w'),
        ('01M8C18GW602BEMGH7QFAVVGE4', 'tenantry.provision', '{"v":1,"item":4}', 'Done', now(), 'w'),
        ('01M8C18GW602BEMGH7QFAVVGE5', 'tenantry.provision', '{"v":2,"item":5}', 'Pending', now(), null),
        ('01M8C18GW602BEMGH7QFAVVGE6', 'tenantry.provision', '\xff00', 'Pending', now(), null)"#;

async fn ids(pool: &PgPool) -> Vec<String> {
    let ids = sqlx::query_scalar("select id from apalis.jobs order by encode(job, 'escape')");
    ids.fetch_all(pool).await.unwrap()
}

#[tokio::test]
async fn jobs_of_an_earlier_version_are_found_by_their_items() {
    let db = harness::fresh_db().await;
    sqlx::raw_sql(LEFT).execute(&db.pool).await.unwrap();
    let items: Vec<ItemId> = (1..=4).map(ItemId::new).collect();
    let mut conn = db.pool.acquire().await.unwrap();
    let before = without_live_job(&mut conn, &items).await.unwrap();

    setup(&db.pool).await.unwrap();
    let once = ids(&db.pool).await;
    setup(&db.pool).await.unwrap();

    let after = without_live_job(&mut conn, &items).await.unwrap();
    assert_eq!(before, items);
    assert_eq!(after, [ItemId::new(4)], "it is done");
    assert_eq!(ids(&db.pool).await, once);
    assert_eq!(once.iter().filter(|id| id.starts_with("01M8")).count(), 3, "{once:?}");
}
