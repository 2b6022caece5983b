//! A tenant is changed: its registry row and its own row together, one or many.

use std::fs;

use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use super::support::{System, tenant};

async fn own_row(system: &System, schema: &str) -> Value {
    let read = format!(
        "select json_build_object('tenant_id', id, 'tenant_name', name, 'domain', domain, 'settings', settings)
         from {schema}.tenant"
    );
    sqlx::query_scalar(AssertSqlSafe(read)).fetch_one(&system.db.pool).await.unwrap()
}

/// What the registry says, as far as the own row does.
async fn registered(system: &System, id: &Value) -> (Value, Value) {
    let told = system.client.get(&format!("/api/v1/tenants/{id}")).await.json(200);
    let row = json!({ "tenant_id": told["tenant_id"], "tenant_name": told["tenant_name"],
        "domain": told["domain"], "settings": told["settings"] });
    (told, row)
}

#[tokio::test]
async fn one_tenant_is_changed_from_the_command_line_and_its_schema_says_the_same() {
    let system = System::start(1).await;
    let made = system.provision(vec![tenant(1), tenant(2)]).await;
    let (id, schema) = (&made[0]["tenant_id"], made[0]["schema_name"].as_str().unwrap());
    let before = registered(&system, id).await.0;

    let settings = r#"{"metadata": {"plan": 12345678901234567890123}}"#;
    let domain = before["domain"].as_str().unwrap();
    let changed = system
        .cli_at_api(&[
            "tenant",
            "update",
            domain,
            "--name",
            "New",
            "--domain",
            "New.example.net",
            "--external-id",
            "cus_1",
            "--description",
            "moved",
            "--settings",
            settings,
            "--label",
            "tier=gold",
            "--if-match",
            before["version"].as_str().unwrap(),
        ])
        .await;

    assert!(changed.code == Some(0), "{} {}", changed.out, changed.err);
    let (after, row) = registered(&system, id).await;
    let told =
        (&after["tenant_name"], &after["domain"], &after["external_id"], &after["description"]);
    assert_eq!(told, (&json!("New"), &json!("new.example.net"), &json!("cus_1"), &json!("moved")));
    assert_eq!(
        (&after["labels"], own_row(&system, schema).await),
        (&json!({ "tier": "gold" }), row)
    );
    let digits = format!("select settings::text from {schema}.tenant");
    let digits: String =
        sqlx::query_scalar(AssertSqlSafe(digits)).fetch_one(&system.db.pool).await.unwrap();
    assert!(digits.contains("12345678901234567890123"), "{digits}");

    let late = ["tenant", "update", "cus_1", "--name", "Late", "--if-match"];
    let late = [&late[..], &[before["version"].as_str().unwrap()]].concat();
    let late = system.cli_at_api(&late).await;
    assert!(late.code != Some(0) && late.err.contains("changed after"), "{}", late.err);
    let removed = [
        "tenant",
        "update",
        "cus_1",
        "--no-external-id",
        "--no-description",
        "--remove-label",
        "tier",
    ];
    assert_eq!(system.cli_at_api(&removed).await.code, Some(0));
    let after = registered(&system, id).await.0;
    let gone = (&after["external_id"], &after["description"], &after["labels"]);
    assert_eq!(gone, (&Value::Null, &Value::Null, &json!({})));
    let taken = made[1]["domain"].as_str().unwrap();
    let taken =
        system.cli_at_api(&["tenant", "update", "new.example.net", "--domain", taken]).await;
    assert!(
        taken.code != Some(0) && taken.err.contains("in use by another tenant"),
        "{}",
        taken.err
    );
    assert!(system.examine().await.out.contains("nothing is wrong"));
}

#[tokio::test]
async fn many_are_changed_by_a_list_and_by_a_label() {
    let system = System::start(1).await;
    let made = system.provision((1..=12).map(tenant).collect()).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("changes.ndjson");
    let lines: String = made
        .iter()
        .map(|it| {
            let patch = json!({ "tenant_name": format!("T{}", it["tenant_id"]), "labels": { "wave": "1" } });
            format!("{}\n", json!({ "id": it["tenant_id"], "patch": patch }))
        })
        .collect();
    fs::write(&file, &lines).unwrap();
    let by_file = ["tenant", "update", "--file", file.to_str().unwrap()];

    let changed = system.cli_at_api(&by_file).await;
    assert!(changed.code == Some(0), "{} {}", changed.out, changed.err);
    fs::write(&file, lines.replacen("\"wave\"", "\"Wave\"", 2)).unwrap();
    let wrong = system.cli_at_api(&by_file).await;

    assert!(wrong.code != Some(0) && wrong.err.contains("line 2:"), "{}", wrong.err);
    let mut body = json!({ "kind": "update", "selector": { "label": "wave=1" },
        "params": { "patch": { "settings": { "metadata": { "seen": true } } } }, "dry_run": true });
    let dry = system.client.post("/api/v1/operations", &body, &[]).await.json(200);
    assert_eq!(dry["tenants"], 12);
    body["dry_run"] = json!(false);
    body["digest"] = dry["digest"].clone();
    let operation = system.client.post("/api/v1/operations", &body, &[]).await.json(202);
    let id = operation["operation_id"].as_str().unwrap();
    let watched = system.cli_at_api(&["operation", "watch", id]).await;
    assert!(watched.code == Some(0), "{} {}", watched.out, watched.err);
    for it in &made {
        let (told, row) = registered(&system, &it["tenant_id"]).await;
        assert_eq!(told["tenant_name"], format!("T{}", it["tenant_id"]));
        assert_eq!(told["settings"]["metadata"], json!({ "seen": true }));
        assert_eq!(own_row(&system, it["schema_name"].as_str().unwrap()).await, row);
    }
    let values = "select count(*) from tenantry.audit_log where action like 'operation.%' and detail::text like '%seen%'";
    assert_eq!(
        system.count(values).await,
        0,
        "the audit log names fields, and not what is in them"
    );
}
