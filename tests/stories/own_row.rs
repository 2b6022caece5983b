//! A tenant's own application finds its tenant in the schema's table `tenant`, built or from the pool.

use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use super::support::{System, eventually, tenant};

async fn own_rows(system: &System, schema: &str) -> Vec<Value> {
    let read = format!(
        "select json_build_object('id', id, 'name', name, 'domain', domain, 'settings', settings)
         from {schema}.tenant"
    );
    sqlx::query_scalar(AssertSqlSafe(read)).fetch_all(&system.db.pool).await.unwrap()
}

#[tokio::test]
async fn the_row_says_what_the_registry_says_whether_built_in_advance_or_not() {
    let settings = [("TENANTRY__POOL__SIZE", "2")];
    for (system, spares) in
        [(System::start(1).await, 0), (System::configured(1, &settings).await, 2)]
    {
        let ready = "select count(*) from tenantry.spares";
        eventually("the spares to be there", std::time::Duration::from_secs(60), async || {
            (system.count(ready).await == spares).then_some(())
        })
        .await;
        let mut wanted = tenant(1);
        wanted["tenant_name"] = json!("O'Brien \\ Söhne");
        wanted["settings"] =
            json!({ "metadata": { "plan": "gold", "big": 12345678901234567890u64 } });
        let made = system.provision(vec![wanted, tenant(2)]).await;

        for made in &made {
            let path = format!("/api/v1/tenants/{}", made["tenant_id"]);
            let told = system.client.get(&path).await.json(200);
            let row = json!({ "id": told["tenant_id"], "name": told["tenant_name"],
                "domain": told["domain"], "settings": told["settings"] });
            let schema = told["schema_name"].as_str().unwrap();
            assert_eq!(own_rows(&system, schema).await, [row]);
        }
        let schema = made[0]["schema_name"].as_str().unwrap();
        let edit = format!("update {schema}.tenant set name = 'another'");
        sqlx::query(AssertSqlSafe(edit)).execute(&system.db.pool).await.unwrap();
        let found = system.cli(&["doctor", "--all-tenants", "--fix", "own_row_differs"]).await;
        assert!(found.out.contains("own_row_differs"), "{} {}", found.out, found.err);
        assert_eq!(own_rows(&system, schema).await[0]["name"], "O'Brien \\ Söhne");
    }
}
