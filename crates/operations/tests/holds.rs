//! One item at a time works on a tenant, in the order of their arrival.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the failure")]

mod bench;

use domain::{ItemId, TenantId};
use engine::control;
use sqlx::PgPool;
use store::items::Claimant;

use crate::bench::{WORKER, executor, item_state, parts, register, submit, take};

/// A further operation on the tenant, with one item.
async fn another(pool: &PgPool, tenant: TenantId) -> ItemId {
    let item: i64 = sqlx::query_scalar(
        "with o as (insert into tenantry.operations (id, kind, state, mode, total)
                    values (gen_random_uuid(), 'migrate', 'queued', 'independent', 1) returning id)
         insert into tenantry.operation_items (operation_id, idx, state, tenant_id, input)
         select id, 0, 'queued', $1, '{}' from o returning id",
    )
    .bind(tenant.get())
    .fetch_one(pool)
    .await
    .unwrap();
    ItemId::new(item)
}

async fn set(pool: &PgPool, item: ItemId, state: &str) {
    let set = sqlx::query("update tenantry.operation_items set state = $2 where id = $1");
    set.bind(item.get()).bind(state).execute(pool).await.unwrap();
}

#[tokio::test]
async fn an_item_whose_tenant_is_held_waits_in_every_state_that_holds() {
    let db = harness::fresh_db().await;
    register(&db.pool, WORKER).await;
    let worker = executor(&db.pool, &parts(&db.pool).await, WORKER);
    let (first, tenant) = submit(&db.pool, "anne").await;
    let second = another(&db.pool, tenant).await;

    for state in domain::ItemState::ALL {
        set(&db.pool, second, "queued").await;
        set(&db.pool, first, state.as_str()).await;
        let earlier = matches!(state, domain::ItemState::Queued | domain::ItemState::Waiting);

        let claimed = take(&worker, second).await.is_some();

        assert_eq!(claimed, !(state.holds_its_tenant() || earlier), "{state}");
        let expected = if claimed { "running" } else { "waiting" };
        assert_eq!(item_state(&db.pool, second).await, expected, "{state}");
    }
}

/// The claim that put it off saw the other one at work, and the end of that one saw nobody wait.
#[tokio::test]
async fn an_item_that_was_put_off_by_one_that_has_ended_meanwhile_is_woken() {
    let db = harness::fresh_db().await;
    let (first, tenant) = submit(&db.pool, "anne").await;
    let second = another(&db.pool, tenant).await;
    let dead_after = std::time::Duration::from_secs(60);
    let by = Claimant { worker: WORKER, kinds: domain::Kind::ALL, set: "", dead_after };
    let pool = db.pool.clone().into();
    set(&db.pool, second, "waiting").await;

    for (state, woken) in [("running", 0), ("succeeded", 1)] {
        sqlx::query("delete from apalis.jobs").execute(&db.pool).await.unwrap();
        set(&db.pool, first, state).await;
        control::pass_on(&pool, &[second], &by).await.unwrap();

        let jobs: i64 = sqlx::query_scalar("select count(*) from apalis.jobs")
            .fetch_one(&db.pool)
            .await
            .unwrap();
        assert_eq!(jobs, woken, "{state}");
    }
}

#[tokio::test]
async fn of_items_that_wait_for_one_tenant_the_first_goes_on_first() {
    let db = harness::fresh_db().await;
    register(&db.pool, WORKER).await;
    let worker = executor(&db.pool, &parts(&db.pool).await, WORKER);
    let (holder, tenant) = submit(&db.pool, "anne").await;
    let (second, third) = (another(&db.pool, tenant).await, another(&db.pool, tenant).await);

    let together = worker.claim(&[third, second, holder]).await.unwrap();
    let while_held = worker.claim(&[third, second]).await.unwrap();
    set(&db.pool, holder, "succeeded").await;
    let overtaking = take(&worker, third).await;
    let next = take(&worker, second).await;

    assert_eq!(together.iter().map(|claim| claim.item).collect::<Vec<_>>(), [holder]);
    assert!(while_held.is_empty() && overtaking.is_none());
    assert_eq!(next.map(|claim| claim.item), Some(second));
}

#[tokio::test]
async fn an_operation_that_is_paused_or_scheduled_is_overtaken() {
    let db = harness::fresh_db().await;
    register(&db.pool, WORKER).await;
    let worker = executor(&db.pool, &parts(&db.pool).await, WORKER);
    for put_off in ["paused_at = now()", "run_at = now() + interval '1 hour'"] {
        let (first, tenant) = submit(&db.pool, &format!("t{}", put_off.len())).await;
        let second = another(&db.pool, tenant).await;
        let sql = format!(
            "update tenantry.operations set {put_off}
             where id = (select operation_id from tenantry.operation_items where id = $1)"
        );
        sqlx::query(sqlx::AssertSqlSafe(sql)).bind(first.get()).execute(&db.pool).await.unwrap();

        assert!(take(&worker, second).await.is_some(), "{put_off}");
    }
}

#[tokio::test]
async fn of_two_claims_at_one_moment_one_gets_the_tenant_and_the_other_waits() {
    let db = harness::fresh_db().await;
    register(&db.pool, WORKER).await;
    let parts = parts(&db.pool).await;
    let worker = executor(&db.pool, &parts, WORKER);
    for round in 0..20 {
        let (first, tenant) = submit(&db.pool, &format!("t{round}")).await;
        set(&db.pool, first, "succeeded").await;
        let (a, b) = (another(&db.pool, tenant).await, another(&db.pool, tenant).await);

        // What is scheduled is overtaken, so neither waits for the other.
        let scheduled = "update tenantry.operations o set run_at = now() + interval '1 hour'
            from tenantry.operation_items i where i.operation_id = o.id and i.id = $1";
        sqlx::query(scheduled).bind(a.get()).execute(&db.pool).await.unwrap();

        let (a_alone, b_alone) = ([a], [b]);
        let (of_a, of_b) = tokio::join!(worker.claim(&a_alone), worker.claim(&b_alone));
        let claimed = of_a.unwrap().len() + of_b.unwrap().len();

        assert_eq!(claimed, 1);
        let mut states = [item_state(&db.pool, a).await, item_state(&db.pool, b).await];
        states.sort_unstable();
        assert_eq!(states, ["running", "waiting"]);
    }
}

#[tokio::test]
async fn the_tenants_next_item_is_woken_and_no_item_that_is_paused() {
    let db = harness::fresh_db().await;
    register(&db.pool, WORKER).await;
    let worker = executor(&db.pool, &parts(&db.pool).await, WORKER);
    let (holder, tenant) = submit(&db.pool, "anne").await;
    let (second, third) = (another(&db.pool, tenant).await, another(&db.pool, tenant).await);
    assert_eq!(worker.claim(&[holder, second, third]).await.unwrap().len(), 1);
    let paused = "update tenantry.operations o set paused_at = now()
        from tenantry.operation_items i where i.operation_id = o.id and i.id = $1";
    sqlx::query(paused).bind(second.get()).execute(&db.pool).await.unwrap();
    set(&db.pool, holder, "succeeded").await;

    let woken = control::release(&db.pool.clone().into(), &[tenant]).await.unwrap();

    let jobs = "select (convert_from(job, 'UTF8')::jsonb ->> 'item')::bigint from apalis.jobs";
    let jobs: Vec<i64> = sqlx::query_scalar(jobs).fetch_all(&db.pool).await.unwrap();
    assert_eq!((woken, jobs), (1, vec![third.get()]));
}
