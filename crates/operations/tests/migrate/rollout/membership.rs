//! Which tenant belongs to which wave, and in which order they are taken.

use std::collections::BTreeSet;

use domain::{Direction, OperationId};
use engine::control::{self, ControlError};
use serde_json::json;
use store::audit::By;

use super::{STATE, by_name, fleet};

#[tokio::test]
async fn a_tenant_is_in_the_first_wave_that_it_fits_and_percent_is_cumulative_and_rounded_up() {
    let fleet = fleet().await;
    let ids: Vec<i64> = sqlx::query_scalar("select id from tenantry.tenants order by id")
        .fetch_all(fleet.pool())
        .await
        .unwrap();
    let waves = json!({ "waves": [
        { "ids": [ids[3], ids[0]], "order_by": "newest" },
        by_name("A"),
        { "count": 1 }, { "percent": 50 }, { "percent": 67 },
    ] });

    let planned = fleet.plan(&waves).await;
    fleet.start(&waves).await;

    let sizes: Vec<u64> = planned.waves.iter().map(|wave| wave.tenants).collect();
    let held: Vec<i64> = sqlx::query_scalar(
        "select count(i.id) from tenantry.rollout_waves w
         left join tenantry.operation_items i using (operation_id, wave) group by wave order by wave",
    )
    .fetch_all(fleet.pool())
    .await
    .unwrap();
    assert_eq!(sizes, held.iter().map(|n| *n as u64).collect::<Vec<_>>(), "as planned");
    assert_eq!(sizes[..2], [2, 0], "anne is in the first wave already");
    // Of six in the order of the draw: the 1st, the first 3, and ⌈4.02⌉ = 5, less those in wave 1.
    assert!(sizes[2] <= 1 && sizes[2..4].iter().sum::<u64>() <= 3);
    assert!(sizes[2..5].iter().sum::<u64>() >= 3, "{sizes:?}");
    assert_eq!(planned.waves[0].sample[0]["tenant_name"], "dora", "the newest first");
    let named = |wave: &store::rollouts::PlannedWave| {
        let sample = wave.sample.as_array().unwrap().iter();
        sample.map(|it| it["tenant_name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let planned: BTreeSet<String> = planned
        .waves
        .iter()
        .flat_map(|wave| named(wave).into_iter().map(|name| format!("{name} {}", wave.wave)))
        .collect();
    let items = "select t.name || ' ' || i.wave from tenantry.operation_items i
        join tenantry.tenants t on t.id = i.tenant_id where i.wave is not null";
    assert_eq!(planned, fleet.ask(items).await.into_iter().collect(), "who looked has seen them");
}

#[tokio::test]
async fn the_digest_names_the_waves_too() {
    let fleet = fleet().await;
    let (one, other) = (json!({ "waves": [by_name("a")] }), json!({ "waves": [by_name("b")] }));
    let digest = fleet.plan(&one).await.digest;
    assert_eq!(fleet.plan(&one).await.digest, digest);

    let id = OperationId::mint();
    let refused = fleet.asked(id, &other, Direction::Up, Some(&digest)).await;
    assert!(matches!(refused, Err(ControlError::SelectionChanged(_))), "{refused:?}");
    sqlx::query("update tenantry.tenants set name = 'zoe' where name = 'anne'")
        .execute(fleet.pool())
        .await
        .unwrap();
    let refused = fleet.asked(id, &one, Direction::Up, Some(&digest)).await;
    assert!(matches!(refused, Err(ControlError::SelectionChanged(_))), "another wave: {refused:?}");
}

#[tokio::test]
async fn so_many_are_in_work_at_once_and_the_order_is_as_asked() {
    let fleet = fleet().await;
    let waves = json!({ "waves": [{ "percent": 100, "parallel": 2, "order_by": "newest" }] });
    let operation = fleet.start(&waves).await;
    let queued = "select t.name from tenantry.operation_items i
        join tenantry.tenants t on t.id = i.tenant_id
        where i.wave is not null and i.state = 'queued' order by i.idx";

    assert_eq!(fleet.ask(queued).await, ["fay", "emil"]);
    control::roll_on(&fleet.connections(), By::process("test"), operation).await.unwrap();
    assert_eq!(fleet.ask(queued).await, ["fay", "emil"]);

    fleet.work(operation).await;
    assert_eq!(fleet.ask(STATE).await, ["completed"]);
}
