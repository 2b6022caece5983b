//! Who changed what, and what happened to one tenant.

use serde_json::{Value, json};

use super::{System, operations::stuck};

/// Rows of the tenants that [`stuck`] makes, an hour apart.
const ROWS: &str = r#"insert into tenantry.audit_log (at, actor, action, tenant_id, operation_id, detail)
    select time::timestamptz, actor, action, t.id, null, detail::jsonb
    from (values ('2026-08-01 08:00Z', 'operator:ci', 'keys.revealed', 'beta.example.com', '{"n": 1}'),
                 ('2026-08-01 09:00Z', 'worker:w1', 'tenant.migrated', 'beta.example.com', '{"to": "2, 3"}'),
                 ('2026-08-01 10:00Z', 'worker:w1', 'tenant.migrated', 'acme.example.com', '{}'))
        as row (time, actor, action, domain, detail)
    join tenantry.tenants t using (domain)"#;

async fn recorded() -> System {
    let system = System::start().await;
    stuck(&system).await;
    system.execute(ROWS).await;
    system
}

fn actions(page: &Value) -> Vec<&str> {
    page["entries"].as_array().unwrap().iter().map(|it| it["action"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_is_listed_by_its_filters_and_as_lines() {
    let system = recorded().await;
    let beta = ["audit", "list", "--tenant", "beta.example.com"];
    let day = ["--since", "2026-08-01T09:00:00Z", "--until", "2026-08-01T10:00:00Z"];

    let table = system.run(&beta);
    let of_actor = system.json(&[&beta[..], &["--actor", "operator:ci"]].concat());
    let of_day = system.json(&[&["audit", "list"][..], &day].concat());
    let of_operation =
        system.json(&["audit", "list", "--operation", "last", "--action", "operation.submitted"]);
    let first = system.run(&["audit", "list", "--limit", "1"]);
    let all = system.run(&["audit", "list", "--all"]);
    let ndjson = system.run(&["audit", "list", "--all", "--json"]);
    let csv = system.run(&[&beta[..], &["--csv", "--limit", "1"]].concat());
    let both = system.run(&["audit", "list", "--csv", "--json"]);
    let wrong = system.run(&["audit", "list", "--limit", "0"]);

    assert!(table.out.starts_with("time\taction\tactor\ttenant\toperation\tdetail\n"), "{table:?}");
    assert!(
        table.out.contains("\ttenant.migrated\tworker:w1\t2\t\t{\"to\":\"2, 3\"}\n"),
        "{table:?}"
    );
    assert_eq!(table.out.lines().count(), 3, "{table:?}");
    assert_eq!(actions(&of_actor), ["keys.revealed"]);
    assert_eq!(actions(&of_day), ["tenant.migrated"]);
    assert_eq!(of_operation["entries"][0]["actor"], "operator:ada");
    assert_eq!(actions(&of_operation).len(), 1);
    assert!(first.err.contains("more: --cursor ") && first.out.lines().count() == 2, "{first:?}");
    let rows: Vec<Value> =
        ndjson.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len() + 1, all.out.lines().count(), "{all:?}");
    assert_eq!(rows.last().unwrap()["action"], "keys.revealed");
    let cells = ",worker:w1,tenant.migrated,2,,,,\"{\"\"to\"\":\"\"2, 3\"\"}\",,,\r\n";
    assert!(csv.out.starts_with("id,at,actor,") && csv.out.ends_with(cells), "{csv:?}");
    assert_eq!((both.code, wrong.code), (2, 1), "{both:?} {wrong:?}");
    assert!(wrong.err.contains("invalid_parameter"), "{}", wrong.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_says_for_whom_it_is_and_the_log_is_found_by_that() {
    let system = System::start().await;

    system.json(&["queue", "pause", "--on-behalf-of", "Bea Büro"]);
    system.json(&["queue", "resume"]);
    let wrong = system.run(&["queue", "pause", "--on-behalf-of", "a\nb"]);
    let found = system.json(&["audit", "list", "--for", "Bea Büro"]);
    let table = system.run(&["audit", "list", "--for", "Bea Büro"]);

    assert_eq!(actions(&found), ["queue.paused"]);
    let told = (&found["entries"][0]["role"], &found["entries"][0]["on_behalf_of"]);
    assert_eq!(told, (&json!("admin"), &json!("Bea Büro")));
    assert!(table.out.contains("\toperator:ada for Bea Büro\t"), "{table:?}");
    assert!(wrong.code == 2 && wrong.err.contains("control character"), "{wrong:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_tells_its_history() {
    let system = recorded().await;

    let table = system.run(&["tenant", "history", "beta.example.com"]);
    let page = system.json(&["tenant", "history", "beta.example.com", "--limit", "1"]);
    let cursor = page["next_cursor"].as_str().unwrap();
    let next = system.run(&["tenant", "history", "2", "--cursor", cursor]);
    let nobody = system.run(&["tenant", "history", "nobody.example"]);

    for told in [
        "\tfailed try\t",
        "try 2 of w1: migrate_schema: migration_failed: no room",
        "\toperation\t",
        "migrate, stuck, submitted by ada: migration_failed: no room",
        "\taudit\t\ttenant.migrated by worker:w1",
    ] {
        assert!(table.out.contains(told), "{told}: {}", table.out);
    }
    assert_eq!(page["entries"][0]["attempt"]["attempt"], json!(2), "{page}");
    assert_eq!(table.out.lines().count(), next.out.lines().count() + 1, "{next:?}");
    assert!(nobody.code == 1 && nobody.err.contains("no tenant has"), "{}", nobody.err);
}
