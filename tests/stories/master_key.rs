//! One master key for one installation: another does not start, and a roll loses no API key.

use std::time::Duration;

use super::support::{Environment, System, eventually, tenants};

/// Another key than the one that stories have.
const NEW_KEY: &str = "1f1d3a5c7e9b2d4f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d8";

const ENDS_IN: Duration = Duration::from_secs(30);

/// Quick to follow a change of the master key.
const QUICK: [(&str, &str); 2] =
    [("TENANTRY__WORKER__HEARTBEAT_MS", "100"), ("TENANTRY__WORKER__STAGE_TIMEOUT_MS", "2000")];

/// The fingerprint of the installation's master key.
async fn current(system: &System) -> String {
    sqlx::query_scalar("select id from tenantry.master_keys where retired_at is null")
        .fetch_one(&system.db.pool)
        .await
        .unwrap()
}

/// Ends everything and starts an API and a worker with these master keys.
async fn restart(system: System, key: &str, previous: Option<&str>) -> System {
    let System { db, env, mut workers, mut api, .. } = system;
    for worker in &mut workers {
        worker.terminate(ENDS_IN).await;
    }
    api.terminate(ENDS_IN).await;
    let url = env["DATABASE_URL"].clone();
    let mut settings = QUICK.to_vec();
    settings.push(("TENANTRY_MASTER_KEY", key));
    settings.extend(previous.map(|key| ("TENANTRY_MASTER_KEY_PREVIOUS", key)));
    sqlx::query("update tenantry.operator_tokens set revoked_at = now()")
        .execute(&db.pool)
        .await
        .unwrap();
    System::on(db, &url, 1, &settings).await
}

#[tokio::test]
async fn a_process_with_another_master_key_does_not_start_and_names_both() {
    let system = System::start(1).await;
    system.provision(tenants(1)).await;
    let other = [("TENANTRY_MASTER_KEY", NEW_KEY)];

    let mut worker = system.spawn_worker("stray-worker", &other);
    let mut api = system.spawn_api("stray-api", &other);
    let (worker_ended, api_ended) = (worker.end(ENDS_IN).await, api.end(ENDS_IN).await);

    assert_eq!((worker_ended.code(), api_ended.code()), (Some(1), Some(1)));
    let current = current(&system).await;
    for log in [worker.log(), api.log()] {
        assert!(log.contains(&current) && log.contains("tenantry keys roll-master"), "{log}");
    }
}

#[tokio::test]
async fn a_roll_with_restarts_one_by_one_loses_no_api_key() {
    let system = System::configured(1, &QUICK).await;
    let old_key = system.env["TENANTRY_MASTER_KEY"].clone();
    let first = system.submit(tenants(3)).await;
    system.finished(&first).await;
    let before = system.reveal(&first).await;

    let mut system = restart(system, NEW_KEY, Some(&old_key)).await;
    // One that was not restarted yet works beside those that have both.
    let alone: [(&str, &str); 2] =
        [("TENANTRY_MASTER_KEY", &old_key), ("TENANTRY_MASTER_KEY_PREVIOUS", "")];
    system.add_worker(&alone).await;
    let second = system.submit(more(3, 3)).await;
    system.finished(&second).await;
    let rolled = system.cli(&["keys", "roll-master", "--json"]).await;
    // The worker that was not restarted has stopped, and somebody has to see to it.
    assert_eq!(rolled.code, Some(1), "{rolled:?}");
    assert_eq!(rolled.json()["resealed"], 6, "{rolled:?}");
    assert_eq!(rolled.json()["workers_stopped"].as_array().unwrap().len(), 1, "{rolled:?}");

    let outdated = system.workers.pop().unwrap();
    ends_by_itself(outdated).await;
    let third = system.submit(more(6, 3)).await;
    system.finished(&third).await;
    let system = restart(system, NEW_KEY, None).await;

    assert_eq!(system.reveal(&first).await, before);
    for batch in [&second, &third] {
        assert_eq!(system.reveal(batch).await.len(), 3);
    }
}

/// `count` tenants from number `from` on.
fn more(from: usize, count: usize) -> Vec<serde_json::Value> {
    tenants(from + count).split_off(from)
}

/// A worker without the installation's master key takes no more work and refuses to go on.
async fn ends_by_itself(mut worker: super::support::Process) {
    let ended = eventually("the worker to end", ENDS_IN, async || worker.has_ended()).await;
    assert_eq!(ended.code(), Some(1), "{}", worker.log());
    assert!(worker.log().contains("master key"), "{}", worker.log());
}

#[tokio::test]
async fn a_lost_master_key_is_replaced_when_asked_to_and_its_secrets_are_erased() {
    let system = System::start(1).await;
    let batch = system.submit(tenants(2)).await;
    system.finished(&batch).await;
    let mut env: Environment = system.env.clone();
    env.insert("TENANTRY_MASTER_KEY".to_owned(), NEW_KEY.to_owned());

    let refused = system.cli_with(&["keys", "roll-master"], &env).await;
    env.insert("TENANTRY__WORKER__STAGE_TIMEOUT_MS".to_owned(), "1000".to_owned());
    let forced = ["keys", "roll-master", "--drop-unreadable", "--json"];
    let forced = system.cli_with(&forced, &env).await;

    assert_eq!((refused.code, forced.code), (Some(1), Some(1)), "{refused:?} {forced:?}");
    assert_eq!(forced.json()["workers_stopped"].as_array().unwrap().len(), 1, "{forced:?}");
    assert!(refused.err.contains("TENANTRY_MASTER_KEY_PREVIOUS"), "{refused:?}");
    assert_eq!(forced.json()["dropped"], 2);
    let live = "select count(*) from tenantry.api_keys where revoked_at is null and sealed is null";
    assert_eq!(system.count(live).await, 2);
}
