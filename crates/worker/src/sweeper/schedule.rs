//! Sets scheduled operations going when their time has come.

use std::{collections::HashSet, time::Duration};

use domain::{ItemId, OperationId};
use queue::{Bell, JobId};
use serde_json::json;
use sqlx::PgConnection;
use store::{
    Connections, audit,
    items::{self, Waiters},
    operations,
};
use tracing::info;

use super::SweepError;

/// Items that get their jobs in one go: the same few statements for all of them.
const PAGE: i64 = 10_000;

/// Sets every operation going whose time has come, each in a transaction of its own; says how many.
/// Several processes may do it at once: each operation is started by one of them.
pub(super) async fn start_due(pool: &Connections) -> Result<u64, SweepError> {
    let due = operations::due(&mut *pool.acquire().await?).await?;
    let mut started = 0;
    for operation in due {
        started += u64::from(start(pool, operation).await?);
    }
    if started > 0 {
        queue::ring(pool, Bell::Jobs).await;
    }
    Ok(started)
}

async fn start(pool: &Connections, operation: OperationId) -> Result<bool, SweepError> {
    let mut tx = pool.begin().await?;
    if !operations::release_due(&mut tx, operation).await? {
        return Ok(false);
    }
    let jobs = make_jobs(&mut tx, operation).await?;
    let entry = audit::Entry {
        actor: "sweeper",
        action: "operation.started",
        operation: Some(operation),
        detail: json!({ "jobs": jobs }),
        ..audit::Entry::default()
    };
    audit::append(&mut tx, entry).await?;
    tx.commit().await?;
    info!(operation.id = %operation, jobs, "the time of operation {operation} has come; set it going");
    Ok(true)
}

async fn make_jobs(conn: &mut PgConnection, operation: OperationId) -> Result<usize, SweepError> {
    let (mut after, mut made) = (ItemId::new(0), 0);
    let ahead = operations::ahead(conn, operation).await?;
    loop {
        let page = items::waiting(conn, Waiters::Operation(operation), after, PAGE).await?;
        let Some(last) = page.last().copied() else { return Ok(made) };
        after = last;
        let mut jobs: Vec<(ItemId, JobId)> =
            page.into_iter().map(|item| (item, JobId::mint())).collect();
        let named: Vec<(ItemId, String)> =
            jobs.iter().map(|(item, job)| (*item, job.to_string())).collect();
        let given: HashSet<ItemId> = items::give_jobs(conn, &named).await?.into_iter().collect();
        jobs.retain(|(item, _)| given.contains(item));
        queue::enqueue_behind(conn, &jobs, Duration::ZERO, ahead).await?;
        made += jobs.len();
    }
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use super::*;

    /// An operation of `items` tenants that is to start `secs` from now.
    async fn scheduled(pool: &PgPool, items: i32, secs: i32) -> OperationId {
        let id: uuid::Uuid = sqlx::query_scalar(
            "with b as (
                 insert into tenantry.operations (id, state, mode, total, run_at)
                 values (gen_random_uuid(), 'queued', 'independent', $1,
                         now() + make_interval(secs => $2))
                 returning id, run_at
             ), i as (
                 insert into tenantry.operation_items (operation_id, idx, state, input, next_attempt_at)
                 select b.id, n, 'queued', '{}', b.run_at from b, generate_series(1, $1) as n
             )
             select id from b",
        )
        .bind(items)
        .bind(secs)
        .fetch_one(pool)
        .await
        .unwrap();
        OperationId::new(id)
    }

    async fn jobs(pool: &PgPool, operation: OperationId) -> i64 {
        sqlx::query_scalar(
            "select count(*) from tenantry.operation_items i join apalis.jobs j on j.id = i.job_id
             where i.operation_id = $1",
        )
        .bind(operation.get())
        .fetch_one(pool)
        .await
        .unwrap()
    }

    async fn execute(pool: &PgPool, sql: &'static str) {
        sqlx::query(sql).execute(pool).await.unwrap();
    }

    #[tokio::test]
    async fn a_batch_starts_when_its_time_has_come_and_not_before() {
        let db = harness::fresh_db().await;
        let due = scheduled(&db.pool, 3, -1).await;
        let later = scheduled(&db.pool, 3, 3600).await;

        let started = start_due(&db.pool.clone().into()).await.unwrap();

        assert_eq!(started, 1);
        assert_eq!((jobs(&db.pool, due).await, jobs(&db.pool, later).await), (3, 0));
        let audited: Vec<(String, uuid::Uuid)> =
            sqlx::query_as("select actor || ' ' || action, operation_id from tenantry.audit_log")
                .fetch_all(&db.pool)
                .await
                .unwrap();
        assert_eq!(audited, [("sweeper operation.started".to_owned(), due.get())]);
    }

    #[tokio::test]
    async fn sweepers_that_come_at_once_start_a_batch_once() {
        let db = harness::fresh_db().await;
        let operation = scheduled(&db.pool, 5, -1).await;

        let pool = db.pool.clone().into();
        let (a, b, c) = tokio::join!(start_due(&pool), start_due(&pool), start_due(&pool));

        assert_eq!(a.unwrap() + b.unwrap() + c.unwrap(), 1);
        assert_eq!(jobs(&db.pool, operation).await, 5);
        let all: i64 = sqlx::query_scalar("select count(*) from apalis.jobs")
            .fetch_one(&db.pool)
            .await
            .unwrap();
        assert_eq!(all, 5);
    }

    #[tokio::test]
    async fn what_is_paused_or_cancelled_does_not_start() {
        let db = harness::fresh_db().await;
        let paused = scheduled(&db.pool, 2, -1).await;
        execute(&db.pool, "update tenantry.operations set paused_at = now()").await;
        let cancelled = scheduled(&db.pool, 2, -1).await;
        sqlx::query(
            "update tenantry.operations set state = 'cancelled', finished_at = now() where id = $1",
        )
        .bind(cancelled.get())
        .execute(&db.pool)
        .await
        .unwrap();

        let while_paused = start_due(&db.pool.clone().into()).await.unwrap();
        execute(&db.pool, "update tenantry.operations set paused_at = null").await;
        execute(&db.pool, "update tenantry.installation set paused_at = now()").await;
        let while_the_queue_is = start_due(&db.pool.clone().into()).await.unwrap();
        execute(&db.pool, "update tenantry.installation set paused_at = null").await;
        let after = start_due(&db.pool.clone().into()).await.unwrap();

        assert_eq!((while_paused, while_the_queue_is, after), (0, 0, 1));
        assert_eq!((jobs(&db.pool, paused).await, jobs(&db.pool, cancelled).await), (2, 0));
    }
}
