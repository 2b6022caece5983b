//! What failures do to a rollout.

use engine::control::{self, ControlError};
use serde_json::json;
use store::{audit::By, items};

use super::{ITEMS, REASONS, STATE, WAVES, by_name, fleet};
use crate::VERSIONS;

#[tokio::test]
async fn a_poisoned_canary_halts_the_rollout_and_no_tenant_outside_its_wave_is_touched() {
    let fleet = fleet().await;
    fleet.poison(&["bob"]).await;
    let operation = fleet.start(&json!({ "waves": [by_name("bob")] })).await;

    fleet.work(operation).await;

    let untouched =
        "select string_agg(attempt::text, '') from tenantry.operation_items where wave = 2";
    assert_eq!(fleet.ask(untouched).await, ["00000"]);
    assert_eq!(fleet.ask(WAVES).await, ["1 1 halted", "2 5 waiting"]);
    assert_eq!(fleet.ask(REASONS).await, ["halt"]);
    assert_eq!(fleet.ask(STATE).await, ["running"]);
    assert_eq!(fleet.ask(VERSIONS).await, ["0001"; 6]);
    let jobs = "select count(*)::text from apalis.jobs";
    assert_eq!(fleet.ask(jobs).await, ["1"], "of the canary alone");

    fleet.mend(&["bob"]).await;
    assert_eq!(fleet.retry(operation).await.unwrap(), 1);
    fleet.work(operation).await;

    assert_eq!(fleet.ask(VERSIONS).await, ["0002"; 6]);
    assert_eq!(fleet.ask(WAVES).await, ["1 1 done", "2 5 done"]);
    assert_eq!(fleet.ask(STATE).await, ["completed"]);
}

#[tokio::test]
async fn what_runs_when_a_wave_halts_finishes_and_nothing_else_of_it_starts() {
    let fleet = fleet().await;
    fleet.poison(&["bob"]).await;
    let all = json!({ "waves": [{ "percent": 100 }], "halt": { "failures": 1 } });
    let operation = fleet.start(&all).await;
    let mut conn = fleet.pool().acquire().await.unwrap();
    let free = items::due(&mut conn, operation, 100).await.unwrap();
    drop(conn);

    // anne, bob and cleo are in work.
    let claims = fleet.executor.claim(&free[..3]).await.unwrap();
    for claim in claims {
        fleet.executor.work(claim).await.unwrap();
    }
    assert!(fleet.executor.claim(&free[3..]).await.unwrap().is_empty());
    fleet.work(operation).await;

    let versions = ["0002", "0001", "0002", "0001", "0001", "0001"];
    assert_eq!(fleet.ask(VERSIONS).await, versions);
    assert_eq!(fleet.ask(WAVES).await, ["1 6 halted"]);

    fleet.promote(operation, false).await.unwrap();
    fleet.work(operation).await;

    let versions = ["0002", "0001", "0002", "0002", "0002", "0002"];
    assert_eq!(fleet.ask(VERSIONS).await, versions);
    assert_eq!(fleet.ask(STATE).await, ["completed_with_failures"]);
}

#[tokio::test]
async fn with_continue_the_others_move_and_a_retry_of_what_is_mended_finishes() {
    let fleet = fleet().await;
    let poisoned = ["bob", "emil"];
    fleet.poison(&poisoned).await;
    let waves = json!({ "waves": [
        { "selector": { "name_prefix": "b" }, "on_failure": "continue" },
        { "percent": 100, "on_failure": "continue" },
    ] });
    let operation = fleet.start(&waves).await;

    fleet.work(operation).await;

    assert_eq!(fleet.ask(STATE).await, ["completed_with_failures"]);
    let versions = ["0002", "0001", "0002", "0002", "0001", "0002"];
    assert_eq!(fleet.ask(VERSIONS).await, versions);

    fleet.mend(&poisoned).await;
    assert_eq!(fleet.retry(operation).await.unwrap(), 2);
    assert_eq!(fleet.ask(WAVES).await, ["1 1 running", "2 5 waiting"], "wave by wave again");
    fleet.work(operation).await;

    assert_eq!(fleet.ask(VERSIONS).await, ["0002"; 6]);
    assert_eq!(fleet.ask(STATE).await, ["completed"]);
}

#[tokio::test]
async fn a_wave_of_which_too_few_were_tried_is_unclear() {
    let fleet = fleet().await;
    let operation = fleet.start(&json!({ "waves": [by_name("a"), by_name("b")] })).await;
    let (pool, by) = (fleet.connections(), By::process("test"));

    control::skip(&pool, by, operation, 0, "its owner asked for it").await.unwrap();

    assert_eq!(fleet.ask(WAVES).await, ["1 1 unclear", "2 1 waiting", "3 4 waiting"]);
    assert_eq!(fleet.ask(REASONS).await, ["unclear"]);
    assert_eq!(fleet.ask(ITEMS).await[0], "anne 1 cancelled skipped");
    fleet.promote(operation, false).await.unwrap();
    fleet.work(operation).await;
    assert_eq!(fleet.ask(VERSIONS).await[..2], ["0001", "0002"]);
    let done = control::skip(&pool, by, operation, 1, "too late").await.unwrap_err();
    assert!(matches!(done, ControlError::Finished(..)), "{done}");
}
