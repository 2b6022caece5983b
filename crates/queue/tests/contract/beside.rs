//! One connection listens to two bells, and each ring is told to those that wait for it.

use std::{sync::Arc, time::Duration};

use futures::StreamExt as _;
use queue::{Bell, Beside};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

const SOON: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_ring_of_the_other_bell_is_told_beside_and_not_to_those_that_wait_for_jobs() {
    let db = harness::fresh_db().await;
    let (stop, told) = (CancellationToken::new(), Arc::new(Notify::new()));
    let beside = vec![Beside { bell: Bell::Checks, told: Arc::clone(&told) }];
    let [mut jobs] = queue::listen(db.pool.clone(), Bell::Jobs, beside, Arc::default(), stop);
    // Both are told once when the connection listens: what came before was not heard.
    let began = async { tokio::join!(jobs.next(), told.notified()) };
    tokio::time::timeout(SOON, began).await.unwrap();

    queue::ring(&db.pool.clone().into(), Bell::Checks).await;
    tokio::time::timeout(SOON, told.notified()).await.unwrap();
    let of_jobs = tokio::time::timeout(Duration::from_millis(200), jobs.next()).await;
    queue::ring(&db.pool.clone().into(), Bell::Jobs).await;
    let later = tokio::time::timeout(SOON, jobs.next()).await;

    assert!(of_jobs.is_err(), "it was no ring for jobs");
    assert_eq!(later, Ok(Some(())));
}

#[tokio::test]
async fn a_ring_for_jobs_is_told_beside_too() {
    let db = harness::fresh_db().await;
    let (stop, told) = (CancellationToken::new(), Arc::new(Notify::new()));
    let beside = vec![Beside { bell: Bell::Jobs, told: Arc::clone(&told) }];
    let [mut jobs] = queue::listen(db.pool.clone(), Bell::Jobs, beside, Arc::default(), stop);
    let both = async { tokio::join!(jobs.next(), told.notified()) };
    tokio::time::timeout(SOON, both).await.unwrap();

    queue::ring(&db.pool.clone().into(), Bell::Jobs).await;

    let both = async { tokio::join!(jobs.next(), told.notified()).0 };
    assert_eq!(tokio::time::timeout(SOON, both).await, Ok(Some(())));
}
