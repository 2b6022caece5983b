//! Tenants in another database than the control database, and stages outside of a transaction.

use std::time::Duration;

use domain::ItemState;
use engine::{Finish, Place, Progress};
use store::ErrorClass;

use crate::{
    crashes::{EACH, die, inherited, inherited_undo},
    ground::Ground,
    script::{plan, plan_at},
};

fn is_fenced(came: &Result<Progress, engine::Failure>) -> bool {
    matches!(came, Ok(Progress::Fenced))
}

#[tokio::test]
async fn stages_commit_there_and_their_checkpoints_follow() {
    let ground = Ground::elsewhere(1).await;
    let mut claim = ground.claim("w").await.unwrap();

    let plan = plan(&ground.script, Finish::Succeeded);
    let outcome = ground.runner().run(&plan, &mut claim).await;

    assert!(matches!(&outcome, Ok(Progress::Done(stages)) if stages.len() == 2), "{outcome:?}");
    assert_eq!(ground.made().await, EACH);
    assert_eq!(ground.checkpoints().await, ["one done", "two done"]);
    assert_eq!(ground.states().await, ["0 succeeded"]);
    assert_eq!(
        ground.ask("select step from public.made").await,
        [""; 0],
        "not in the control database"
    );
}

#[tokio::test]
async fn wherever_a_worker_dies_the_next_one_does_what_is_left_and_nothing_twice() {
    let all = ["apply first", "apply second", "apply third"];
    for (point, left) in [
        ("after_raise:one", &all[..]),
        ("before_commit:one", &all),
        ("after_commit:one", &all[1..]),
        ("after_checkpoint:one", &all[1..]),
        ("before_commit:two", &all[1..]),
        ("after_commit:two", &[]),
        ("after_checkpoint:two", &[]),
    ] {
        inherited(&Ground::elsewhere(1).await, point, left).await;
    }
}

#[tokio::test]
async fn wherever_a_worker_dies_the_next_one_undoes_what_is_left_there() {
    let all = ["undo third", "undo second", "undo first"];
    for (point, left) in [
        ("after_raise:one", &all[..]),
        ("before_undo_commit:two", &all),
        ("after_undo_commit:two", &all[2..]),
        ("after_checkpoint:two", &all[2..]),
        ("after_undo_commit:one", &[]),
        ("after_end:rolled_back", &[]),
    ] {
        inherited_undo(&Ground::elsewhere(1).await, point, left).await;
    }
}

#[tokio::test]
async fn what_was_committed_there_without_a_checkpoint_is_undone_too() {
    let ground = Ground::elsewhere(1).await;
    die(&ground, "after_commit:one").await;
    assert_eq!(ground.made().await, ["first"]);
    assert_eq!(ground.checkpoints().await, [""; 0]);
    let plan = plan(&ground.script, Finish::Succeeded);
    let mut claim = ground.claim("heir").await.unwrap();
    ground.begin_unwind(&mut claim).await;

    let unwound = ground.runner().unwind(&plan, &claim, ItemState::Failed).await;

    assert!(matches!(unwound, Ok(Progress::Done(_))), "{unwound:?}");
    assert_eq!(ground.script.done(), ["undo first"]);
    assert_eq!(ground.made().await, [""; 0]);
}

#[tokio::test]
async fn a_stage_whose_checkpoint_came_from_the_ledger_can_be_undone() {
    let ground = Ground::elsewhere(1).await;
    die(&ground, "after_commit:one").await;
    let plan = plan(&ground.script, Finish::Succeeded);
    let mut claim = ground.claim("heir").await.unwrap();

    assert!(ground.runner().catch_up(&plan, &mut claim).await.unwrap());
    assert_eq!(ground.checkpoints().await, ["one done"]);
    ground.begin_unwind(&mut claim).await;
    let unwound = ground.runner().unwind(&plan, &claim, ItemState::Failed).await;

    assert!(matches!(unwound, Ok(Progress::Done(_))), "{unwound:?}");
    assert_eq!(ground.checkpoints().await, ["one undone"]);
    assert_eq!(ground.made().await, [""; 0]);
}

#[tokio::test]
async fn a_worker_that_comes_late_finds_the_fence_raised() {
    let ground = Ground::elsewhere(1).await;
    let plan = plan(&ground.script, Finish::Succeeded);
    let mut late = ground.claim("late").await.unwrap();
    store::workers::retire(&mut *ground.conn().await, "late").await.unwrap();
    ground.script.fail(Some(("apply second", ErrorClass::Transient)));
    let mut heir = ground.claim("heir").await.unwrap();
    ground.runner().run(&plan, &mut heir).await.unwrap_err();
    ground.script.fail(None);
    ground.script.done();

    let outcome = ground.runner().run(&plan, &mut late).await;
    late.state = ItemState::Unwinding;
    let unwound = ground.runner().unwind(&plan, &late, ItemState::Failed).await;

    assert!(is_fenced(&outcome) && is_fenced(&unwound), "{outcome:?} {unwound:?}");
    assert_eq!(ground.script.done(), [""; 0]);
    assert_eq!(ground.made().await, ["first"]);
}

#[tokio::test]
async fn a_stage_there_does_nothing_once_a_later_claim_has_raised_the_fence() {
    let ground = Ground::elsewhere(1).await;
    let places = [Place::Control, Place::Tenant];
    let plan = plan_at(places, &ground.script, Finish::Succeeded);
    let mut claim = ground.claim("w").await.unwrap();
    let there = ground.there.as_ref().unwrap();
    let raised = "update tenantry.stage_fences set attempt = attempt + 1";
    ground.script.meanwhile("apply first", raised, &there.pool);

    let outcome = ground.runner().run(&plan, &mut claim).await;

    assert!(is_fenced(&outcome), "{outcome:?}");
    assert_eq!(ground.script.done(), ["apply first"]);
    assert_eq!(ground.made().await, [""; 0]);
    assert_eq!(ground.checkpoints().await, ["one done"]);
}

#[tokio::test]
async fn what_is_done_outside_of_a_transaction_may_be_done_again() {
    let outside = Place::Outside(Duration::from_secs(20));
    let ground = Ground::of(1).await;
    let plan = plan_at([outside, Place::Control], &ground.script, Finish::Succeeded);
    let mut claim = ground.claim("w").await.unwrap();
    // It was done, and the worker died before the checkpoint.
    sqlx::query("insert into public.made values ($1, 'first')")
        .bind(claim.tenant.id.get())
        .execute(&ground.db.pool)
        .await
        .unwrap();

    let outcome = ground.runner().run(&plan, &mut claim).await;

    assert!(matches!(outcome, Ok(Progress::Done(_))), "{outcome:?}");
    assert_eq!(ground.made().await, EACH);
    assert_eq!(ground.checkpoints().await, ["one done", "two done"]);
}

#[tokio::test]
async fn work_outside_of_a_transaction_ends_at_its_limit_and_is_not_begun_by_a_late_worker() {
    let ground = Ground::of(1).await;
    let outside = |limit| [Place::Outside(Duration::from_millis(limit)), Place::Control];
    let slow = plan_at(outside(50), &ground.script, Finish::Succeeded);
    let mut claim = ground.claim("w").await.unwrap();
    ground.script.meanwhile("apply first", "select pg_sleep(1)", &ground.db.pool);

    let late = ground.runner().run(&slow, &mut claim).await.unwrap_err();
    ground.script.done();
    let takes_over = "update tenantry.operation_items set attempt = attempt + 1";
    sqlx::query(takes_over).execute(&ground.db.pool).await.unwrap();
    let plan = plan_at(outside(20_000), &ground.script, Finish::Succeeded);
    let outcome = ground.runner().run(&plan, &mut claim).await;

    assert_eq!(late.to_item_error().code, domain::codes::TIMED_OUT);
    assert!(is_fenced(&outcome), "{outcome:?}");
    assert_eq!(ground.script.done(), [""; 0]);
}
