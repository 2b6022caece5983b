//! Folders of migrations as other tools make them, from a new tenant to a fleet and back.

use std::{fs, path::Path};

use serde_json::Value;
use sqlx::AssertSqlSafe;
use tempfile::TempDir;

use super::support::{System, tenants};

fn write(folder: &TempDir, files: &[(&str, &str)]) {
    for (name, sql) in files {
        fs::write(folder.path().join(Path::new(name)), sql).unwrap();
    }
}

async fn tables(system: &System, schema: &str) -> Vec<String> {
    let query = format!(
        "select relname::text from pg_class where relnamespace = '{schema}'::regnamespace
         and relkind = 'r' order by 1"
    );
    sqlx::query_scalar(AssertSqlSafe(query)).fetch_all(&system.db.pool).await.unwrap()
}

/// Makes two tenants by the first files, brings them and a third one to the second, and back.
async fn follows(first: &[(&str, &str)], second: &[(&str, &str)], versions: [&str; 2], back: bool) {
    let folder = tempfile::tempdir().unwrap();
    write(&folder, first);
    let settings = [("TENANT_MIGRATIONS_DIR", folder.path().to_str().unwrap())];
    let mut system = System::configured(1, &settings).await;
    let made = system.provision(tenants(2)).await;
    let schemas: Vec<&str> =
        made.iter().map(|tenant| tenant["schema_name"].as_str().unwrap()).collect();

    write(&folder, second);
    let up = system.cli(&["migrate", "tenant", "up", "--all"]).await;
    let status = system.cli(&["migrate", "tenant", "status", "--all"]).await;
    let path = format!("/api/v1/tenants/{}", made[0]["tenant_id"]);
    let shown: Value = system.client.get(&path).await.json(200);

    assert_eq!((up.code, status.code), (Some(0), Some(0)), "{up:?} {status:?}");
    assert_eq!(shown["migration_version"], versions[1], "{shown}");
    for schema in &schemas {
        assert_eq!(tables(&system, schema).await, ["a", "b"]);
    }
    if back {
        let down =
            system.cli(&["migrate", "tenant", "down", "--all", "--to", versions[0], "--yes"]).await;
        assert_eq!(down.code, Some(0), "{down:?}");
        assert_eq!(tables(&system, schemas[1]).await, ["a"]);
    }
    system.workers[0].terminate(std::time::Duration::from_secs(30)).await;
}

#[tokio::test]
async fn a_folder_of_dbmate_goes_forward_and_back() {
    follows(
        &[(
            "20240101000000_a.sql",
            "-- migrate:up\ncreate table a ();\n-- migrate:down\ndrop table a;\n",
        )],
        &[(
            "20240102000000_b.sql",
            "-- migrate:up\ncreate table b ();\n-- migrate:down\ndrop table b;\n",
        )],
        ["20240101000000", "20240102000000"],
        true,
    )
    .await;
}

#[tokio::test]
async fn a_folder_of_the_original_goes_forward() {
    follows(
        &[("20250102_000001_a.sql", "create table a ();")],
        &[("20250102_000002_b.sql", "create table b ();")],
        ["20250102_000001", "20250102_000002"],
        false,
    )
    .await;
}
