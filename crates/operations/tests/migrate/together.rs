//! Tenants that are there, several in one transaction.

use std::time::{Duration, Instant};

use domain::{Direction, Migrate, OperationId};
use harness::Db;
use operations::Executor;
use sqlx::PgPool;
use store::items::{self, Claim};
use tempfile::TempDir;

use crate::{
    FIRST, Files, ITEMS, VERSIONS, ask,
    bench::{WORKER, giving_way, register},
    learnt, make, migrating, submit_as, submit_migration,
};

const NOTES: Files =
    &[FIRST[0], ("0002_note.up.sql", "create table note (id bigint primary key);")];

async fn four_tenants() -> Db {
    let db = harness::fresh_db().await;
    register(&db.pool, WORKER).await;
    let (_, first, promise) = learnt(&db.pool, FIRST).await;
    for name in ["anne", "bob", "cleo", "dora"] {
        make(&db.pool, name, first.clone(), promise.clone()).await;
    }
    db
}

/// Submits the second version for all of them, and gives who may work on it.
async fn notes_for_all(pool: &PgPool) -> (TempDir, OperationId, Executor) {
    let (folder, notes, promise) = learnt(pool, NOTES).await;
    let up = (Direction::Up, None);
    let (operation, executor) = submit_migration(pool, &notes, Some(promise), up).await;
    (folder, operation, executor)
}

/// Claims all items of the operation, and works on the first by itself: how quick it was is known then.
async fn claim_after_the_first(
    pool: &PgPool,
    executor: &Executor,
    operation: OperationId,
) -> Vec<Claim> {
    let items = items::due(&mut pool.acquire().await.unwrap(), operation, 100).await.unwrap();
    let mut claims = executor.claim(&items).await.unwrap();
    executor.work(claims.remove(0)).await.unwrap();
    claims
}

#[tokio::test]
async fn tenants_that_are_there_share_a_transaction_once_it_is_known_that_they_are_quick() {
    let db = four_tenants().await;
    let (_folder, operation, executor) = notes_for_all(&db.pool).await;
    assert_eq!(executor.room_for_fleet(), 1, "nothing is known yet");

    let claims = claim_after_the_first(&db.pool, &executor, operation).await;
    let sorted = executor.work_together(claims).await;

    assert_eq!((sorted.done.len(), sorted.left.len()), (3, 0), "{sorted:?}");
    assert!(executor.room_for_fleet() > 1);
    assert_eq!(ask(&db.pool, ITEMS).await, ["succeeded "; 4]);
    assert_eq!(ask(&db.pool, VERSIONS).await, ["0002"; 4]);
    let rows =
        "select count(*)::text from tenantry.tenant_migrations group by xmin::text order by 1";
    assert_eq!(ask(&db.pool, rows).await, ["1", "3"], "three of them in one transaction");
    let told =
        "select concat_ws(' ', a.detail ->> 'from', a.detail ->> 'applied', a.detail = i.result)
        from tenantry.audit_log a
        join tenantry.operation_items i using (operation_id, tenant_id)
        where a.action = 'tenant.migrated'";
    assert_eq!(ask(&db.pool, told).await, [r#"0001 ["0002"] t"#; 4]);
    let rights = "select has_table_privilege(role_name, schema_name || '.note', 'insert')::text
        from tenantry.tenants";
    assert_eq!(ask(&db.pool, rights).await, ["true"; 4]);
}

#[tokio::test]
async fn one_of_a_group_that_fails_harms_no_other_and_is_told_as_if_alone() {
    let db = four_tenants().await;
    sqlx::query("create table cleo.note ()").execute(&db.pool).await.unwrap();
    let (_folder, operation, executor) = notes_for_all(&db.pool).await;

    let claims = claim_after_the_first(&db.pool, &executor, operation).await;
    let sorted = executor.work_together(claims).await;
    assert_eq!((sorted.done.len(), sorted.left.len()), (0, 3), "{sorted:?}");
    assert_eq!(executor.room_for_fleet(), 1, "the next ones are looked at alone");
    for claim in sorted.left {
        executor.work(claim).await.unwrap();
    }

    let states = ["succeeded ", "succeeded ", "failed migration_failed", "succeeded "];
    assert_eq!(ask(&db.pool, ITEMS).await, states);
    let why = "select message from tenantry.item_attempts";
    let why = ask(&db.pool, why).await;
    assert!(why.len() == 1 && why[0].contains("0002_note.up.sql"), "{why:?}");
}

#[tokio::test]
async fn a_group_waits_for_a_lock_no_longer_than_its_tenants_users_may() {
    let db = four_tenants().await;
    let (_folder, operation, executor) = notes_for_all(&db.pool).await;
    let claims = claim_after_the_first(&db.pool, &executor, operation).await;
    // Cleo's row of locks is held, as by a command that works on her.
    let mut other = db.pool.begin().await.unwrap();
    let hold = "select from tenantry.tenant_locks l join tenantry.tenants t on t.id = l.tenant_id
        where t.name = 'cleo' for update of l";
    sqlx::query(hold).execute(&mut *other).await.unwrap();

    let began = Instant::now();
    let sorted = executor.work_together(claims).await;

    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!((sorted.done.len(), sorted.left.len()), (0, 3), "{sorted:?}");
    other.rollback().await.unwrap();
    for claim in sorted.left {
        executor.work(claim).await.unwrap();
    }
    assert_eq!(ask(&db.pool, ITEMS).await, ["succeeded "; 4]);
    assert_eq!(ask(&db.pool, VERSIONS).await, ["0002"; 4]);
}

#[tokio::test]
async fn a_group_waits_for_a_new_tenant_of_the_same_process() {
    let db = four_tenants().await;
    let (_folder, notes, promise) = learnt(&db.pool, NOTES).await;
    let migrating = migrating(&notes, Some(promise));
    let making = migrating.making.clone();
    let set = notes.hash().to_owned();
    let asked = Migrate { direction: Direction::Up, set, to: None, allow_drift: false };
    let (operation, executor) = submit_as(&db.pool, migrating, asked).await;
    let claims = claim_after_the_first(&db.pool, &executor, operation).await;

    let sorted = giving_way(&making, executor.work_together(claims)).await;

    // a slow machine has fewer of them share a transaction
    assert!(sorted.done.len() >= 2, "{sorted:?}");
}
