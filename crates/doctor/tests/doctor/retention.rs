//! What was deleted because it is old is no trouble.

use doctor::Kind;
use store::retention::{self, Cursor};

use super::ward::{Ward, operation};

/// The operations that have ended are old, and so is all of theirs.
async fn aged() -> Ward {
    let ward = Ward::healthy().await;
    ward.run(
        "update tenantry.operations set finished_at = finished_at - interval '100 days';
         update tenantry.outbox set created_at = created_at - interval '100 days';
         update tenantry.tenants set activated_at = activated_at - interval '100 days';
         update tenantry.api_keys set sealed = null, sealed_until = null,
             created_at = created_at - interval '100 days'",
    )
    .await;
    assert_eq!(ward.found().await, []);
    ward
}

#[tokio::test]
async fn batches_that_are_older_than_they_are_kept_are_not_missed() {
    let ward = aged().await;
    let mut conn = ward.db.pool.acquire().await.unwrap();

    let portion = retention::prune_operations(&mut conn, 90, Cursor::START, 10).await.unwrap();
    let between = ward.found().await;
    while retention::prune_items(&mut conn, 3).await.unwrap() {
        assert_eq!(ward.found().await, []);
    }

    assert_eq!((portion.unwrap().pruned, between), (2, vec![]));
    assert_eq!(retention::prune_events(&mut conn, 30, 10).await.unwrap(), 2);
    assert_eq!(ward.found().await, []);
}

#[tokio::test]
async fn events_may_go_before_their_batches_and_no_younger_one_may() {
    let ward = aged().await;
    let mut conn = ward.db.pool.acquire().await.unwrap();

    let gone = retention::prune_events(&mut conn, 30, 10).await.unwrap();
    let found = ward.found().await;
    ward.run("update tenantry.operations set finished_at = now() where state = 'failed'").await;

    assert_eq!((gone, found), (2, vec![]));
    assert_eq!(ward.found().await, [(Kind::FinishWithoutEvent, operation(2))]);
}

#[tokio::test]
async fn an_event_of_a_batch_that_never_was_is_told_after_a_deletion_too() {
    let ward = aged().await;
    let mut conn = ward.db.pool.acquire().await.unwrap();
    retention::prune_operations(&mut conn, 90, Cursor::START, 10).await.unwrap();
    while retention::prune_items(&mut conn, 10).await.unwrap() {}
    ward.run(
        "insert into tenantry.outbox (kind, operation_id, run, payload)
         values ('operation.finished', '00000000-0000-0000-0000-000000000099', 1, '{}')",
    )
    .await;

    assert_eq!(ward.found().await, [(Kind::EventWithoutFinish, operation(99))]);
}

/// A migration of tenants 1, which succeeded, and 2, which failed.
const MIGRATION: &str = "
    insert into tenantry.operations (id, kind, state, mode, total, started_at, finished_at)
    values ('00000000-0000-0000-0000-000000000050', 'migrate', 'completed_with_failures', 'independent', 2,
            now(), now());
    insert into tenantry.operation_items (id, operation_id, idx, state, tenant_id, input, attempt,
        started_at, finished_at, error_code)
    values (501, '00000000-0000-0000-0000-000000000050', 0, 'succeeded', 1, '{}', 1, now(), now(), null),
        (502, '00000000-0000-0000-0000-000000000050', 1, 'failed', 2, '{}', 1, now(), now(), 'internal');
    insert into tenantry.checkpoints (item_id, stage, attempt, steps) values (501, 'migrate', 1, '[]');
    insert into tenantry.outbox (kind, operation_id, run, payload)
    values ('operation.finished', '00000000-0000-0000-0000-000000000050', 1,
            '{\"state\": \"completed_with_failures\", \"progress\": {\"total\": 2, \"succeeded\": 1}}')";

#[tokio::test]
async fn an_operation_on_tenants_that_are_there_makes_none_of_them_and_leaves_nothing_of_them() {
    let ward = aged().await;
    ward.run(MIGRATION).await;
    let beside_those_that_made_them = ward.found().await;
    let mut conn = ward.db.pool.acquire().await.unwrap();

    retention::prune_operations(&mut conn, 90, Cursor::START, 10).await.unwrap();
    while retention::prune_items(&mut conn, 10).await.unwrap() {}

    assert_eq!(beside_those_that_made_them, []);
    assert_eq!(ward.found().await, []);
}
