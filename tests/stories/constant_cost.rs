//! A tenant costs the same, however many there are.
//!
//! What a statement costs is counted in rows that were read one after the other
//! (`seq_tup_read`): a count, the same on every machine.

use std::{collections::BTreeMap, time::Duration};

use super::support::{System, eventually, tell, tenant};

/// Rows read by sequential scans, by table, of this database's own catalogue and of ours.
const ROWS_READ: &str = "
select relid::regclass::text, seq_tup_read from pg_stat_all_tables
where schemaname in ('tenantry', 'apalis')
   or (schemaname = 'pg_catalog' and relid in
        (select oid from pg_class where not relisshared))";

/// The tables that grow with the number of tenants and that every tenant's making touches.
const WATCHED: &[&str] = &[
    "pg_class",
    "pg_namespace",
    "pg_attribute",
    "pg_depend",
    "tenantry.tenants",
    "tenantry.operation_items",
    "tenantry.api_keys",
    "tenantry.checkpoints",
    "apalis.jobs",
];

/// Rows per tenant that do not count: what the few scans that do not grow come to.
const SLACK: f64 = 10.0;

/// Only what provisioning costs: no sweeps meanwhile.
const SETTINGS: &[(&str, &str)] =
    &[("TENANTRY__WORKER__SWEEP_MS", "600000"), ("TENANTRY__QUEUE__POLL_MS", "60000")];

async fn batch_is_over(system: &System, batch: &str) {
    // Straight by its key: the API would read the batch's items each time.
    eventually("the batch to be over", Duration::from_secs(120), async || {
        let state: String =
            sqlx::query_scalar("select state from tenantry.operations where id = $1::uuid")
                .bind(batch)
                .fetch_one(&system.db.pool)
                .await
                .unwrap();
        (state == "completed").then_some(())
    })
    .await;
}

/// What it takes, by table, to start, make tenants in batches of these sizes, and stop.
async fn rows_read(batches: &[usize]) -> BTreeMap<String, i64> {
    let mut system = System::configured(1, SETTINGS).await;
    let mut made = 0;
    for size in batches {
        let batch = system.submit((made..made + size).map(tenant).collect()).await;
        batch_is_over(&system, &batch).await;
        made += size;
    }
    // A backend tells its counts at its end at the latest.
    system.workers[0].terminate(Duration::from_secs(40)).await;
    system.api.terminate(Duration::from_secs(40)).await;
    eventually("the processes' sessions to end", Duration::from_secs(20), async || {
        let sessions = "select count(*) from pg_stat_activity where datname = current_database()
            and application_name like 'tenantry%'";
        (system.count(sessions).await == 0).then_some(())
    })
    .await;
    let rows: Vec<(String, i64)> =
        sqlx::query_as(ROWS_READ).fetch_all(&system.db.pool).await.unwrap();
    rows.into_iter().collect()
}

#[tokio::test]
async fn a_tenants_cost_does_not_grow_with_the_number_of_tenants() {
    let base = rows_read(&[]).await;
    let few = rows_read(&[10, 40]).await;
    let many = rows_read(&[10, 390]).await;

    let per_tenant = |found: &BTreeMap<String, i64>, table: &str, count: f64| {
        let read = |of: &BTreeMap<String, i64>| of.get(table).copied().unwrap_or(0);
        (read(found) - read(&base)).max(0) as f64 / count
    };
    let mut growing = Vec::new();
    for table in few.keys() {
        let (small, large) = (per_tenant(&few, table, 50.0), per_tenant(&many, table, 400.0));
        if large > small + SLACK {
            let line = format!("{table}: {small:.0} rows a tenant at 50, {large:.0} at 400");
            tell(&line);
            if WATCHED.contains(&table.as_str()) {
                growing.push(line);
            }
        }
    }
    assert!(WATCHED.iter().all(|table| few.contains_key(*table)), "{:?}", few.keys());
    assert_eq!(growing, Vec::<String>::new());
}
