//! A command works on its operation by itself, without workers.

use super::*;

/// As long as any of this may take.
const SOON: Duration = Duration::from_secs(30);

async fn two_tenants(pool: &PgPool) -> (TempDir, MigrationSet, Promise) {
    register(pool, WORKER).await;
    let (_, first, promise) = learnt(pool, FIRST).await;
    for name in ["anne", "bert"] {
        make(pool, name, first.clone(), promise.clone()).await;
    }
    learnt(pool, LATER).await
}

async fn carried_out(executor: &Executor, operation: OperationId) {
    let stop = CancellationToken::new();
    let done = tokio::time::timeout(SOON, carry_out(executor, operation, 2, &stop));
    done.await.expect("it comes to an end").unwrap();
}

#[tokio::test]
async fn what_a_lost_connection_left_in_its_own_hands_is_taken_up_again() {
    let db = harness::fresh_db().await;
    let (_folder, set, promise) = two_tenants(&db.pool).await;
    let (operation, executor) =
        submit_migration(&db.pool, &set, Some(promise), (Direction::Up, None)).await;
    let ids = "select i.id from tenantry.operation_items i
               join tenantry.operations o on o.id = i.operation_id where o.kind = 'migrate'";
    let ids: Vec<i64> = sqlx::query_scalar(ids).fetch_all(&db.pool).await.unwrap();
    let ids: Vec<_> = ids.into_iter().map(domain::ItemId::new).collect();
    // The answers of what followed were lost.
    drop(executor.claim(&ids).await.unwrap());

    carried_out(&executor, operation).await;

    assert_eq!(ask(&db.pool, ITEMS).await, ["succeeded ", "succeeded "]);
}

#[tokio::test]
async fn a_second_command_finishes_what_the_first_one_left() {
    let db = harness::fresh_db().await;
    let (_folder, set, promise) = two_tenants(&db.pool).await;
    let up = (Direction::Up, None);
    submit_migration(&db.pool, &set, Some(promise.clone()), up).await;
    let (second, executor) = submit_migration(&db.pool, &set, Some(promise), up).await;

    carried_out(&executor, second).await;

    assert_eq!(ask(&db.pool, ITEMS).await, ["succeeded "; 4]);
    let open =
        "select id::text from tenantry.operations where kind = 'migrate' and finished_at is null";
    assert!(ask(&db.pool, open).await.is_empty());
}

#[tokio::test]
async fn who_is_at_the_newest_version_but_asked_to_go_back_comes_up_again() {
    let db = harness::fresh_db().await;
    let (_folder, set, promise) = two_tenants(&db.pool).await;
    migrate(&db.pool, &set, Some(promise.clone()), (Direction::Up, None)).await;
    submit_migration(&db.pool, &set, Some(promise.clone()), (Direction::Down, Some("0002"))).await;

    let up = (Direction::Up, None);
    let (again, executor) = submit_migration(&db.pool, &set, Some(promise), up).await;
    carried_out(&executor, again).await;

    assert_eq!(ask(&db.pool, ITEMS).await, ["succeeded "; 6]);
    assert_eq!(ask(&db.pool, VERSIONS).await, ["0004", "0004"]);
}

#[tokio::test]
async fn what_is_cancelled_is_ended_by_a_worker_without_its_set() {
    let db = harness::fresh_db().await;
    let (_folder, later, promise) = two_tenants(&db.pool).await;
    let (operation, ahead) =
        submit_migration(&db.pool, &later, Some(promise), (Direction::Up, None)).await;
    let retrying =
        "update tenantry.operation_items i set state = 'retrying', attempt = 1, tries = 1
        from tenantry.operations o where o.id = i.operation_id and o.kind = 'migrate'";
    sqlx::query(retrying).execute(&db.pool).await.unwrap();
    drop(ahead);
    sqlx::query(
        "insert into tenantry.checkpoints (item_id, stage, attempt, steps)
         select i.id, 'up_0', 1, '[]' from tenantry.operation_items i
         join tenantry.operations o on o.id = i.operation_id where o.kind = 'migrate'",
    )
    .execute(&db.pool)
    .await
    .unwrap();
    control::cancel(&db.pool.clone().into(), By::process("test"), operation).await.unwrap();
    let (_, first, _) = learnt(&db.pool, FIRST).await;
    let migrating =
        Migrating { migrations: Arc::new(first), promise: None, making: Making::default() };
    let behind = executor(&db.pool, Plans::migrating(&Arc::new(migrating)).unwrap(), WORKER);
    let ids = "select i.id from tenantry.operation_items i where i.state = 'retrying' order by 1";
    let ids: Vec<i64> = sqlx::query_scalar(ids).fetch_all(&db.pool).await.unwrap();

    for id in ids {
        let claim = take(&behind, domain::ItemId::new(id)).await.expect("to end it needs no set");
        behind.work(claim).await.unwrap();
    }

    assert_eq!(ask(&db.pool, ITEMS).await, ["cancelled cancelled"; 2]);
}
