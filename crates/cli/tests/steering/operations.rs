//! Operations of any kind, one item's story, and a submission that is only tried out.

use std::fs;

use serde_json::{Value, json};

use super::{System, tenants};

/// Makes the newest operation one that migrates, with an item that is `stuck`.
pub(crate) async fn stuck(system: &System) {
    system.run(&["submit", system.file(&tenants())]);
    system
        .execute(
            "update tenantry.operations set kind = 'migrate', params = '{\"set\": \"5e7\"}', mode = 'independent'",
        )
        .await;
    system
        .execute(
            "with i as (
                 update tenantry.operation_items
                 set state = 'stuck', attempt = 2, error_code = 'migration_failed',
                     error_message = 'no room', error_step = 'migrate_schema'
                 where idx = 1 returning id
             )
             insert into tenantry.item_attempts
                 (item_id, attempt, worker_id, stage, step, undo, code, message, started_at)
             select id, 2, 'w1', 'migrate', 'migrate_schema', false, 'migration_failed', 'no room', now() from i",
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_of_any_kind_is_listed_shown_and_steered() {
    let system = System::start().await;
    stuck(&system).await;

    let listed = system.run(&["operation", "list", "--kind", "migrate"]);
    let none = system.json(&["operation", "list", "--state", "failed"]);
    let shown = system.run(&["operation", "show", "last"]);
    let no_batch = system.run(&["batch", "show", "last"]);
    let paused = system.json(&["operation", "pause", "last"]);
    let twice = system.run(&["operation", "pause", "last"]);
    let resumed = system.run(&["operation", "resume", "last"]);
    let items = system.run(&["operation", "items", "last", "--code", "migration_failed"]);
    let cancelled = system.run(&["operation", "cancel", "last"]);
    let watched = system.run(&["operation", "watch", "last"]);
    let retried = system.run(&["operation", "retry", "last", "--code", "cancelled"]);

    assert!(listed.out.contains("migrate\tqueued"), "{}", listed.out);
    assert_eq!(none["operations"], json!([]));
    assert!(shown.err.contains("no worker has set 5e7"), "{}", shown.err);
    assert!(no_batch.err.contains("there is no batch yet"), "{}", no_batch.err);
    assert_eq!((&paused["kind"], &paused["paused"]), (&json!("migrate"), &json!(true)));
    assert!(twice.err.contains("operation_paused") && twice.code == 1, "{}", twice.err);
    assert!(twice.err.contains("`tenantry operation show ID`"), "{}", twice.err);
    assert_eq!(resumed.code, 0, "{}", resumed.err);
    assert!(items.out.contains("no room") && !items.out.contains("queued"), "{}", items.out);
    assert!(cancelled.out.contains("1 failed, 1 cancelled"), "{}", cancelled.out);
    assert_eq!(watched.code, 1);
    assert!(
        watched.out.contains("operation ") && watched.out.contains("1 failed"),
        "{}",
        watched.out
    );
    assert!(!watched.err.contains("keys reveal"), "{}", watched.err);
    assert!(retried.out.contains("1 queued, 1 failed"), "{}{}", retried.out, retried.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_is_shown_with_its_tries_and_goes_on_when_it_is_stuck() {
    let system = System::start().await;
    stuck(&system).await;

    let shown = system.run(&["item", "show", "last", "1"]);
    let as_json = system.json(&["item", "show", "last", "1"]);
    let waiting = system.run(&["item", "show", "last", "0"]);
    let retried = system.run(&["item", "retry", "last", "1"]);
    let twice = system.run(&["item", "retry", "last", "1"]);
    let missing = system.run(&["item", "show", "last", "7"]);

    for told in ["status\tstuck", "migration_failed: no room", "w1", "migrate_schema"] {
        assert!(shown.out.contains(told), "{told}: {}", shown.out);
    }
    assert!(shown.err.contains("tenantry item retry"), "{}", shown.err);
    assert_eq!(as_json["failed_attempts"][0]["worker"], "w1");
    assert!(waiting.err.contains("no worker has set 5e7"), "{}", waiting.err);
    assert!(retried.out.contains("retrying"), "{}{}", retried.out, retried.err);
    assert!(twice.code == 1 && twice.err.contains("item_not_stuck"), "{}", twice.err);
    assert!(missing.code == 1 && missing.err.contains("item_not_found"), "{}", missing.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_tells_every_row_writes_nothing_and_gives_the_bad_ones_back() {
    let system = System::start().await;
    system.run(&["submit", system.file(&tenants())]);
    let csv = "tenant_name,domain,settings.features\nGamma,gamma.example.com,\n\
        Acme,acme.example.com,\n\"Odd, Inc.\",odd,nonsense|more\n";
    fs::write(system.dir.path().join("new.csv"), csv).unwrap();

    let dry = system.run(&["submit", "new.csv", "--dry-run", "--bad-rows", "bad.csv"]);
    let bad = fs::read_to_string(system.dir.path().join("bad.csv")).unwrap();
    let again = system.run(&["submit", "bad.csv", "--dry-run", "--json"]);
    let good = json!([{ "tenant_name": "Gamma", "domain": "gamma.example.com" }]);
    let good = system.run(&["submit", system.file(&good), "--dry-run"]);
    let alone = system.run(&["submit", "new.csv", "--bad-rows", "bad.csv"]);

    assert_eq!(dry.code, 1, "{}", dry.err);
    for told in ["Gamma\ttenant_gamma_", "domain_taken", "invalid_domain"] {
        assert!(dry.out.contains(told), "{told}: {}", dry.out);
    }
    assert!(dry.err.contains("2 of 3 would be refused; nothing was written"), "{}", dry.err);
    assert_eq!(
        bad,
        "tenant_name,domain,schema_name,description,external_id,settings.features\n\
         Acme,acme.example.com,,,,\n\"Odd, Inc.\",odd,,,,nonsense|more\n"
    );
    let told: Value = serde_json::from_str(&again.out).unwrap();
    assert_eq!((again.code, &told["bad"]), (1, &json!(2)), "{}", again.out);
    assert_eq!(good.code, 0, "{}", good.err);
    assert!(good.err.contains("all 1 would be accepted"), "{}", good.err);
    assert_eq!(alone.code, 2, "{}", alone.err);
    assert_eq!(system.json(&["batch", "list"])["batches"].as_array().unwrap().len(), 1);
}
