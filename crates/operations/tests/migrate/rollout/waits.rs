//! What a rollout waits for, and what people do about it.

use domain::{Direction, OperationId};
use engine::control::{self, ControlError};
use serde_json::json;
use store::audit::By;

use super::{REASONS, STATE, WAVES, fleet};

#[tokio::test]
async fn a_bake_time_ends_by_the_databases_clock_and_a_gate_waits_for_a_person() {
    let fleet = fleet().await;
    let waves =
        json!({ "waves": [{ "count": 2, "bake": "1h", "gate": "manual" }, { "percent": 100 }] });
    let operation = fleet.start(&waves).await;
    let due =
        async || store::rollouts::due(&mut fleet.pool().acquire().await.unwrap()).await.unwrap();

    fleet.work(operation).await;
    assert_eq!(fleet.ask(WAVES).await, ["1 2 baking", "2 4 waiting"]);
    assert_eq!(fleet.ask(REASONS).await, ["bake"]);
    assert_eq!(due().await, []);

    // No process was there when the time was over.
    sqlx::query("update tenantry.rollout_waves set bake_until = clock_timestamp() where wave = 1")
        .execute(fleet.pool())
        .await
        .unwrap();
    assert_eq!(due().await, [operation]);
    fleet.work(operation).await;
    assert_eq!(fleet.ask(WAVES).await, ["1 2 gated", "2 4 waiting"]);
    assert_eq!(fleet.ask(REASONS).await, ["gate"]);

    let resumed =
        control::resume(&fleet.connections(), By::process("test"), operation).await.unwrap_err();
    assert!(matches!(resumed, ControlError::WaitsByItself(_)), "{resumed}");
    fleet.promote(operation, false).await.unwrap();
    fleet.work(operation).await;
    assert_eq!(fleet.ask(STATE).await, ["completed"]);
    let told = "select action from tenantry.audit_log where action like 'rollout.%' order by id";
    let expected = [
        "rollout.wave_began",
        "rollout.wave_bakes",
        "rollout.gate_reached",
        "rollout.promoted",
        "rollout.wave_began",
    ];
    assert_eq!(fleet.ask(told).await, expected);
}

#[tokio::test]
async fn promoted_as_a_whole_it_passes_over_gates_and_bake_times_and_halts_yet() {
    let fleet = fleet().await;
    fleet.poison(&["fay"]).await;
    let waves = json!({ "waves": [
        { "selector": { "name_prefix": "a" }, "bake": 3600 },
        { "selector": { "name_prefix": "b" }, "bake": 3600, "gate": "manual" },
        { "selector": { "name_prefix": "f" } },
    ] });
    let operation = fleet.start(&waves).await;
    fleet.work(operation).await;

    fleet.promote(operation, true).await.unwrap();
    fleet.work(operation).await;

    assert_eq!(fleet.ask(WAVES).await, ["1 1 done", "2 1 done", "3 1 halted", "4 3 waiting"]);
}

#[tokio::test]
async fn a_pause_of_a_person_stays_apart_from_the_rollouts_own() {
    let fleet = fleet().await;
    let waves = json!({ "waves": [{ "count": 1, "gate": "manual" }] });
    let operation = fleet.start(&waves).await;
    let (pool, by) = (fleet.connections(), By::process("test"));
    fleet.work(operation).await;

    control::pause(&pool, by, operation).await.unwrap();
    assert_eq!(fleet.ask(REASONS).await, ["gate", "user"]);
    fleet.promote(operation, false).await.unwrap();
    fleet.work(operation).await;
    assert_eq!(fleet.ask(REASONS).await, ["user"]);
    assert_eq!(fleet.ask(WAVES).await, ["1 1 done", "2 5 waiting"]);

    control::resume(&pool, by, operation).await.unwrap();
    fleet.work(operation).await;
    assert_eq!(fleet.ask(STATE).await, ["completed"]);
}

#[tokio::test]
async fn an_abort_undoes_nothing_and_a_way_down_is_a_rollout_too() {
    let fleet = fleet().await;
    let waves = json!({ "waves": [{ "count": 2, "gate": "manual" }] });
    let operation = fleet.start(&waves).await;
    fleet.work(operation).await;
    let (pool, by) = (fleet.connections(), By::process("test"));

    control::cancel(&pool, by, operation).await.unwrap();

    assert_eq!(fleet.ask(STATE).await, ["cancelled"]);
    assert_eq!(fleet.ask(WAVES).await, ["1 2 stopped", "2 4 stopped"]);
    let moved = "select count(*)::text from tenantry.tenant_migrations where version = '0002'";
    assert_eq!(fleet.ask(moved).await, ["2"]);

    let down = OperationId::mint();
    let digest = fleet.asked(down, &waves, Direction::Down, None).await.unwrap().unwrap().digest;
    fleet.asked(down, &waves, Direction::Down, Some(&digest)).await.unwrap();
    fleet.work(down).await;
    fleet.promote(down, false).await.unwrap();
    fleet.work(down).await;
    assert_eq!(
        fleet.ask("select state from tenantry.operations where wave is not null order by id").await
            [1],
        "completed"
    );
    assert_eq!(fleet.ask(moved).await, ["0"]);
}
