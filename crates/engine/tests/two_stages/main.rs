//! The engine takes items through a plan of two stages, forward and back.

#![allow(clippy::unwrap_used, reason = "a failed helper fails the test")]

mod crashes;
mod elsewhere;
mod ground;
mod script;
mod storm;

use domain::{ItemError, ItemState, codes};
use engine::{Finish, Progress};
use store::{ErrorClass, items};

use ground::Ground;
use script::plan;

/// Takes the item from whoever has it.
const TAKE_OVER: &str = "update tenantry.operation_items set attempt = attempt + 1";

#[tokio::test]
async fn each_stage_commits_by_itself_and_the_last_ends_the_item() {
    let ground = Ground::of(1).await;
    let mut claim = ground.claim("w").await.unwrap();
    let seen = "insert into public.made
        select 0, i.state || ' ' || string_agg(c.stage, '') from tenantry.operation_items i
        join tenantry.checkpoints c on c.item_id = i.id group by i.state";
    ground.script.meanwhile("apply second", seen, &ground.db.pool);

    let plan = plan(&ground.script, Finish::Succeeded);
    let outcome = ground.runner().run(&plan, &mut claim).await;

    let Ok(Progress::Done(reports)) = outcome else { panic!("{outcome:?}") };
    let stages: Vec<_> =
        reports.iter().map(|report| (report.stage.as_str(), report.steps.len())).collect();
    assert_eq!(stages, [("one", 1), ("two", 2)]);
    assert_eq!(ground.script.done(), ["apply first", "apply second", "apply third"]);
    assert_eq!(ground.made().await, ["running one", "first", "second", "third"]);
    assert_eq!(ground.checkpoints().await, ["one done", "two done"]);
    assert_eq!(ground.states().await, ["0 succeeded"]);
}

#[tokio::test]
async fn the_next_try_goes_on_after_the_last_checkpoint() {
    let ground = Ground::of(1).await;
    let plan = plan(&ground.script, Finish::Succeeded);
    ground.script.fail(Some(("apply third", ErrorClass::Transient)));

    let mut first = ground.claim("w").await.unwrap();
    let failed = ground.runner().run(&plan, &mut first).await;
    assert!(matches!(&failed, Err(it) if it.stage == "two"), "{failed:?}");
    assert_eq!(ground.made().await, ["first"], "the stage that failed left nothing");
    ground.retry_later(&first).await;
    ground.script.fail(None);
    ground.script.done();
    let mut second = ground.claim("w").await.unwrap();
    assert_eq!(second.checkpoints, ["one"]);
    let outcome = ground.runner().run(&plan, &mut second).await;

    assert!(matches!(&outcome, Ok(Progress::Done(it)) if it.len() == 1), "{outcome:?}");
    assert_eq!(ground.script.done(), ["apply second", "apply third"]);
    assert_eq!(ground.made().await, ["first", "second", "third"]);
    assert_eq!(ground.states().await, ["0 succeeded"]);
}

#[tokio::test]
async fn a_worker_that_lost_the_item_between_two_stages_keeps_the_first_alone() {
    let ground = Ground::of(1).await;
    let mut claim = ground.claim("w").await.unwrap();
    ground.script.meanwhile("apply second", TAKE_OVER, &ground.db.pool);

    let plan = plan(&ground.script, Finish::Succeeded);
    let outcome = ground.runner().run(&plan, &mut claim).await;

    assert!(matches!(outcome, Ok(Progress::Fenced)), "{outcome:?}");
    assert_eq!(ground.made().await, ["first"]);
    assert_eq!(ground.states().await, ["0 running"]);
}

#[tokio::test]
async fn all_stages_are_undone_newest_first_and_the_names_are_free() {
    let ground = Ground::of(1).await;
    let plan = plan(&ground.script, Finish::Built);
    let mut claim = ground.claim("w").await.unwrap();
    ground.runner().run(&plan, &mut claim).await.unwrap();
    assert_eq!(ground.states().await, ["0 built"]);
    ground.turn_back().await;
    ground.script.done();

    let claim = ground.claim("w").await.unwrap();
    let unwound = ground.runner().unwind(&plan, &claim, ItemState::RolledBack).await;

    assert!(matches!(unwound, Ok(Progress::Done(_))), "{unwound:?}");
    assert_eq!(ground.script.done(), ["undo third", "undo second", "undo first"]);
    assert_eq!(ground.made().await, [""; 0]);
    assert_eq!(ground.checkpoints().await, ["one undone", "two undone"]);
    assert_eq!(ground.states().await, ["0 rolled_back"]);
    assert_eq!(ground.ask("select state from tenantry.tenants").await, ["released"]);
}

#[tokio::test]
async fn what_was_not_committed_is_not_undone() {
    let ground = Ground::of(1).await;
    let plan = plan(&ground.script, Finish::Succeeded);
    ground.script.fail(Some(("apply third", ErrorClass::Permanent)));
    let mut claim = ground.claim("w").await.unwrap();
    let failed = ground.runner().run(&plan, &mut claim).await;
    let Err(failure) = failed else { panic!("{failed:?}") };
    let mut conn = ground.conn().await;
    let reason = failure.to_item_error();
    let committed = items::begin_unwind(&mut conn, &claim, &reason).await.unwrap();
    ground.script.done();

    claim.checkpoints = committed.expect("the claim still holds");
    claim.state = ItemState::Unwinding;
    let unwound = ground.runner().unwind(&plan, &claim, ItemState::Failed).await;

    assert!(matches!(unwound, Ok(Progress::Done(_))), "{unwound:?}");
    assert_eq!(ground.script.done(), ["undo first"]);
    assert_eq!(ground.made().await, [""; 0]);
    let ended = "select state || ' ' || error_step from tenantry.operation_items";
    assert_eq!(ground.ask(ended).await, ["failed third"]);
}

#[tokio::test]
async fn an_undo_that_fails_goes_on_where_it_stood() {
    let ground = Ground::of(1).await;
    let plan = plan(&ground.script, Finish::Built);
    let mut claim = ground.claim("w").await.unwrap();
    ground.runner().run(&plan, &mut claim).await.unwrap();
    ground.turn_back().await;
    ground.script.fail(Some(("undo first", ErrorClass::Transient)));

    let claim = ground.claim("w").await.unwrap();
    let failed = ground.runner().unwind(&plan, &claim, ItemState::RolledBack).await;
    assert!(matches!(&failed, Err(it) if it.stage == "one"), "{failed:?}");
    assert_eq!(ground.made().await, ["first"]);
    ground.retry_later(&claim).await;
    ground.script.fail(None);
    ground.script.done();
    let claim = ground.claim("w").await.unwrap();
    let unwound = ground.runner().unwind(&plan, &claim, ItemState::RolledBack).await;

    assert!(matches!(unwound, Ok(Progress::Done(_))), "{unwound:?}");
    assert_eq!(ground.script.done(), ["undo first"]);
    assert_eq!(ground.made().await, [""; 0]);
    assert_eq!(ground.states().await, ["0 rolled_back"]);
}

#[tokio::test]
async fn a_worker_that_lost_the_item_undoes_nothing() {
    let ground = Ground::of(1).await;
    let plan = plan(&ground.script, Finish::Built);
    let mut claim = ground.claim("w").await.unwrap();
    ground.runner().run(&plan, &mut claim).await.unwrap();
    ground.turn_back().await;
    let claim = ground.claim("w").await.unwrap();
    ground.script.meanwhile("undo first", TAKE_OVER, &ground.db.pool);

    let unwound = ground.runner().unwind(&plan, &claim, ItemState::RolledBack).await;

    assert!(matches!(unwound, Ok(Progress::Fenced)), "{unwound:?}");
    assert_eq!(ground.made().await, ["first"], "the newer stage had been undone before");
    assert_eq!(ground.states().await, ["0 unwinding"]);
}

#[tokio::test]
async fn items_taken_together_go_on_apart_from_the_stage_that_failed() {
    let ground = Ground::of(2).await;
    let plan = plan(&ground.script, Finish::Succeeded);
    let mut claims = ground::claim(&mut *ground.conn().await, &ground.items, "w").await;
    ground.script.fail(Some(("apply second", ErrorClass::Permanent)));

    let together = ground.runner().run_together(&plan, &mut claims).await;
    let reason = ItemError::rejected(codes::INTERNAL, "the script lets it fail");
    assert!(matches!(&together, Err(it) if it.to_item_error().code == reason.code), "{together:?}");
    assert_eq!(ground.made().await, ["first", "first"]);
    ground.script.fail(None);
    ground.script.done();
    for claim in &mut claims {
        let outcome = ground.runner().run(&plan, claim).await;
        assert!(matches!(outcome, Ok(Progress::Done(_))), "{outcome:?}");
    }

    let each = ["apply second", "apply third"];
    assert_eq!(ground.script.done(), [each, each].concat());
    assert_eq!(ground.states().await, ["0 succeeded", "1 succeeded"]);
}

#[tokio::test]
async fn items_taken_together_go_through_both_stages() {
    let ground = Ground::of(2).await;
    let mut claims = ground::claim(&mut *ground.conn().await, &ground.items, "w").await;

    let plan = plan(&ground.script, Finish::Succeeded);
    let together = ground.runner().run_together(&plan, &mut claims).await;

    assert!(matches!(&together, Ok(Progress::Done(it)) if it.len() == 2), "{together:?}");
    assert_eq!(ground.made().await.len(), 6);
    assert_eq!(ground.states().await, ["0 succeeded", "1 succeeded"]);
}
