//! An installation of the release before operations, killed at work, goes on with this one.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::AssertSqlSafe;

use super::support::{System, environment, eventually, orphans, run, tenants};

const LEFT: &str = include_str!("b15e026.sql");

/// Its batches: what becomes of each, and in how many tenants it succeeds.
const BATCHES: [(&str, &str, u64); 6] = [
    ("01a221c5-5504-777e-8088-c357ab1184af", "completed", 3),
    ("01a221c5-6858-706d-8bc9-0b295dd51861", "completed_with_failures", 1),
    ("01a221c5-890f-75b5-9be5-257eaa9bd5cd", "completed", 1),
    ("01a221c5-8bbf-76ac-9eda-1cc1be9aab35", "completed", 8),
    ("01a221c5-a219-71ea-977e-e9fe664a199d", "completed", 2),
    (PAUSED, "completed", 1),
];

const PAUSED: &str = "01a221c5-894b-726e-9494-1d1cd923f831";

const SETTINGS: [(&str, &str); 2] =
    [("TENANTRY__POOL__SIZE", "3"), ("TENANTRY__WORKER__SWEEP_MS", "300")];

/// When its worker was seen last.
const KILLED: &str = "2026-11-28 10:48:47.486183+00";

/// Its id, which names its roles: those are the whole server's.
const INSTALLATION: &str = "2959fcb4";

/// As if its worker had been killed now: until when its keys may be read is still to come. An installation of
/// another id each time, as what a test that was killed left is there still.
fn left_now() -> String {
    let time = |text| DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%#z");
    let since = Utc::now() - time(KILLED).unwrap().to_utc();
    let moved = |text| time(text).map_or(text.to_owned(), |at| (at + since).to_string());
    let id = &uuid::Uuid::new_v4().simple().to_string()[..8];
    LEFT.split('\'').map(moved).collect::<Vec<_>>().join("'").replace(INSTALLATION, id)
}

#[tokio::test]
async fn an_installation_of_the_release_before_operations_goes_on_to_its_ends() {
    let db = harness::empty_db().await;
    let extensions = "create extension hstore; create extension pgcrypto";
    sqlx::raw_sql(extensions).execute(&db.pool).await.unwrap();
    queue::setup(&db.pool).await.unwrap();
    let mut restoring = db.pool.acquire().await.unwrap().detach();
    sqlx::raw_sql(AssertSqlSafe(left_now())).execute(&mut restoring).await.unwrap();
    drop(restoring);
    let (url, dir) = (db.url.clone(), tempfile::tempdir().unwrap());
    let env = environment(&url, &SETTINGS);
    let up = ["migrate", "public", "up"];
    let up = run("tenantry", &up, dir.path(), &env, Duration::from_secs(60)).await;
    assert_eq!(up.code, Some(0), "{up:?}");

    let system = System::on(db, &url, 1, &SETTINGS).await;
    system.client.command(&format!("/api/v1/batches/{PAUSED}/resume")).await.json(200);

    for (batch, state, succeeded) in BATCHES {
        let over = system.finished(batch).await;
        assert_eq!(over["state"], state, "{over:#}");
        assert_eq!(over["progress"]["succeeded"], succeeded, "{over:#}");
        keys_are_valid(&system, batch, succeeded).await;
    }
    new_tenants_are_as_the_old(&system).await;
    let examined = system.examine().await;
    assert_eq!(examined.code, Some(0), "{examined:?}");
    assert_eq!(orphans(&system.db.pool).await, [""; 0]);
}

async fn keys_are_valid(system: &System, batch: &str, tenants: u64) {
    let keys = system.reveal(batch).await;
    assert_eq!(keys.len() as u64, tenants, "{batch}");
    for it in keys {
        let body = json!({ "api_key": it.key });
        let verified = system.client.post("/api/v1/keys/verify", &body, &[]).await.json(200);
        assert_eq!(verified["tenant_id"], it.tenant, "{batch}");
    }
}

/// The old spares go once no worker of that release can want them. Made from spares, and from nothing: with the same version of the same tables.
async fn new_tenants_are_as_the_old(system: &System) {
    let old = "select count(*) from tenantry.spares where head = '2'";
    let new = "select count(*) from tenantry.spares where head = '0002'";
    let are = async |wanted: (i64, i64)| {
        eventually("as many spares as wanted", Duration::from_secs(60), async || {
            ((system.count(old).await, system.count(new).await) == wanted).then_some(())
        })
        .await;
    };
    are((3, 3)).await;
    let time_passes =
        "update tenantry.spares set built_at = built_at - interval '10 minutes' where head = '2'";
    sqlx::query(time_passes).execute(&system.db.pool).await.unwrap();
    are((0, 3)).await;
    system.provision(tenants(5)).await;
    let tables: Vec<(String, i64)> = sqlx::query_as(
        "select m.version, count(c.oid) from tenantry.tenants t
         left join tenantry.tenant_migrations m on m.tenant_id = t.id
         left join pg_namespace n on n.nspname = t.schema_name
         left join pg_class c on c.relnamespace = n.oid and c.relkind = 'r'
         where t.state = 'active' group by t.id, m.version",
    )
    .fetch_all(&system.db.pool)
    .await
    .unwrap();
    let mut kinds = BTreeMap::new();
    for of_one in tables {
        *kinds.entry(of_one).or_insert(0) += 1;
    }
    assert!(kinds.values().eq(&[21]), "{kinds:?}");
    assert_eq!(kinds.keys().next().unwrap().0, "0002");
    let behind = system.cli(&["migrate", "tenant", "status", "--all"]).await;
    assert_eq!(behind.code, Some(0), "{behind:?}");
}
