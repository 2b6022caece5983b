//! Which version new tenants are given when several migrations are asked for, or one comes to nothing.

use std::time::Duration;

use domain::OperationId;
use engine::control;
use serde_json::json;
use store::audit::By;

use super::{
    NAMES, NOTES,
    births::{asked, place, settled_fleet},
};
use crate::{FIRST, learnt};

#[tokio::test]
async fn new_tenants_are_given_no_version_that_the_set_does_not_have() {
    let fleet = settled_fleet().await;
    let up = fleet.start(&json!({ "waves": [] })).await;
    fleet.work(up).await;

    fleet.ask_down(Some("0099")).await;
    assert_eq!(fleet.born().await.as_deref(), Some("0002"), "no migration is called that");

    fleet.ask_down(Some("0001")).await;
    fleet.ask_down(Some("0002")).await;
    assert_eq!(fleet.born().await.as_deref(), Some("0001"), "a way back never runs forward");
}

#[tokio::test]
async fn a_set_that_ends_before_what_new_tenants_have_takes_nothing_from_them() {
    let fleet = settled_fleet().await;
    let up = fleet.start(&json!({ "waves": [] })).await;
    fleet.work(up).await;
    let (_, first, _) = learnt(fleet.pool(), FIRST).await;

    for (direction, to) in [("up", None), ("down", None), ("down", Some("none"))] {
        let params = json!({ "direction": direction, "set": first.hash(), "to": to });
        fleet.ask_all(&params).await;
        assert_eq!(fleet.born().await.as_deref(), Some("0002"), "{params}");
    }
}

#[tokio::test]
async fn a_migration_that_moved_nobody_is_taken_back() {
    let fleet = settled_fleet().await;
    fleet.poison(&NAMES).await;
    let operation = fleet.ask_all(&json!({ "direction": "up", "set": fleet.set })).await;
    assert_eq!(fleet.born().await.as_deref(), Some("0002"));
    fleet.work(operation).await;
    fleet.settle_all().await;

    fleet.catch_up().await;

    assert_eq!(fleet.born().await.as_deref(), Some("0001"));
    fleet.retry(operation).await.unwrap();
    assert_eq!(fleet.born().await.as_deref(), Some("0002"), "it is tried again");
}

#[tokio::test]
async fn cancelling_the_newer_one_first_takes_both_back() {
    let fleet = settled_fleet().await;
    let up = json!({ "direction": "up", "set": fleet.set });
    let first = fleet.ask_all(&up).await;
    let second = fleet.ask_down(Some("none")).await;
    assert_eq!(fleet.born().await, None);

    fleet.cancel(second).await;
    assert_eq!(fleet.born().await.as_deref(), Some("0002"));
    fleet.cancel(first).await;
    assert_eq!(fleet.born().await.as_deref(), Some("0001"));

    fleet.settle_all().await;
    let third = fleet.ask_all(&up).await;
    fleet.work(third).await;
    let back = fleet.ask_down(Some("none")).await;
    fleet.work(back).await;
    assert_eq!(fleet.born().await, None);
    fleet.retry(first).await.unwrap();
    assert_eq!(fleet.born().await, None, "a later one is in force");
}

#[tokio::test]
async fn an_admission_waits_for_another_one_and_knows_it() {
    let fleet = settled_fleet().await;
    let up = fleet.start(&json!({ "waves": [] })).await;
    fleet.work(up).await;
    let mut earlier = fleet.pool().begin().await.unwrap();
    let params = json!({ "direction": "down", "set": fleet.set, "to": "0001" });
    let down = asked(OperationId::mint(), &params);
    assert!(control::admit(&mut earlier, By::process("test"), &down, None).await.unwrap());

    let params = json!({ "direction": "up", "set": fleet.set });
    let (_, set, _) = learnt(fleet.pool(), NOTES).await;
    let newest = place(&set);
    let later = control::Asked { but_at: Some(&newest), ..asked(OperationId::mint(), &params) };
    let mut tx = fleet.pool().begin().await.unwrap();
    let admitted = async {
        let admitted = control::admit(&mut tx, By::process("test"), &later, None).await.unwrap();
        tx.commit().await.unwrap();
        admitted
    };
    let both = async {
        tokio::join!(admitted, async {
            let waits = "select count(*) from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock'";
            while sqlx::query_scalar::<_, i64>(waits).fetch_one(fleet.pool()).await.unwrap() == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            earlier.commit().await.unwrap();
        })
    };
    let both = tokio::time::timeout(Duration::from_secs(30), both).await;
    let (admitted, ()) = both.expect("it waits for the earlier one");

    assert!(admitted, "all of them are to go down");
    assert_eq!(fleet.born().await.as_deref(), Some("0002"));
    let connections = fleet.connections();
    control::nothing_to_migrate(&connections, By::process("test"), &down).await.unwrap();
    assert_eq!(fleet.born().await.as_deref(), Some("0002"), "there are tenants to move");
}
