//! A queue, jobs in it, and a consumer at work.

use std::{sync::Arc, time::Duration};

use domain::{ItemId, Kind};
use queue::{Buffer, Class, Consumer, Handled, consume, wake};
use sqlx::PgPool;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub(crate) const NEW: &str = Class::NewTenants.queue();

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn settings() -> settings::Queue {
    settings::Settings::from_env_map(settings::Profile::Default, [])
        .expect("the defaults are good")
        .queue
}

/// The queue's own connections, as in a worker.
pub(crate) fn queue_of(db: &harness::Db) -> PgPool {
    let all = settings::Settings::from_env_map(settings::Profile::Default, []).unwrap();
    let options = queue::options(&db.url, &all.database).unwrap();
    queue::pool(options, &all.database, &all.queue)
}

pub(crate) fn consumer() -> Consumer {
    Consumer {
        beside: Vec::new(),
        worker: format!("test-{}", domain::OperationId::mint()),
        new_tenants: Buffer { handlers: 4, timeout: PATIENCE },
        interrupts: Buffer { handlers: 2, timeout: PATIENCE },
        fleet: Buffer { handlers: 2, timeout: PATIENCE },
        drain_timeout: PATIENCE,
        quiet: Arc::default(),
    }
}

/// A consumer at work; stopped and drained by [`Running::stop`].
pub(crate) struct Running {
    pub(crate) stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    pub(crate) fn start<H, F>(pool: &PgPool, handler: H) -> Self
    where
        H: Fn(ItemId, Class) -> F + Send + Sync + 'static,
        F: Future<Output = Handled> + Send + 'static,
    {
        let (stop, pool) = (CancellationToken::new(), pool.clone());
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            consume(pool, &settings(), &consumer(), handler, stopped).await;
        });
        Self { stop, task }
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.expect("drains in time").unwrap();
    }
}

pub(crate) async fn put(pool: &PgPool, items: &[i64]) {
    put_of(Kind::Provision, pool, items).await;
}

pub(crate) async fn put_of(kind: Kind, pool: &PgPool, items: &[i64]) {
    let items: Vec<_> = items.iter().map(|item| (ItemId::new(*item), kind)).collect();
    let mut tx = pool.begin().await.unwrap();
    wake(&mut tx, &items, Duration::ZERO).await.unwrap();
    tx.commit().await.unwrap();
}

/// The ids of all jobs, by their items.
pub(crate) async fn jobs(pool: &PgPool) -> Vec<String> {
    sqlx::query_scalar("select id from apalis.jobs order by convert_from(job, 'UTF8')")
        .fetch_all(pool)
        .await
        .unwrap()
}

pub(crate) async fn status(pool: &PgPool, job: &str) -> String {
    sqlx::query_scalar("select status from apalis.jobs where id = $1")
        .bind(job)
        .fetch_one(pool)
        .await
        .unwrap()
}

pub(crate) async fn next(seen: &mut mpsc::UnboundedReceiver<i64>) -> i64 {
    tokio::time::timeout(PATIENCE, seen.recv()).await.expect("delivered in time").unwrap()
}
