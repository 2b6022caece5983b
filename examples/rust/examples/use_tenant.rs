//! Uses a tenant from the application's own pool: `use_tenant acme.example other.example`.
//! `APP_DATABASE_URL` is the login of the application, `TENANTRY_URL` and `TENANTRY_TOKEN` are the API's.

use std::{env, error::Error};

use serde_json::Value;
use sqlx::{AssertSqlSafe, PgPool, PgTransaction};

/// A transaction as the tenant. Role and path end with it, so it works behind a pooler too.
async fn begin_as(pool: &PgPool, tenant: &Value) -> sqlx::Result<PgTransaction<'static>> {
    let mut tx = pool.begin().await?;
    // SET LOCAL ROLE and SET LOCAL search_path, with parameters
    sqlx::query(
        "select set_config('role', $1, true), set_config('search_path', quote_ident($2), true)",
    )
    .bind(tenant["role_name"].as_str())
    .bind(tenant["schema_name"].as_str())
    .execute(&mut *tx)
    .await?;
    Ok(tx)
}

async fn find(domain: &str) -> Result<Value, Box<dyn Error>> {
    let url = format!("{}/api/v1/tenants?domain={domain}", env::var("TENANTRY_URL")?);
    let call = reqwest::Client::new().get(url).bearer_auth(env::var("TENANTRY_TOKEN")?);
    let found: Value = call.send().await?.error_for_status()?.json().await?;
    Ok(found["tenants"][0].clone())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    rustls::crypto::ring::default_provider().install_default().ok();
    let mut domains = env::args().skip(1);
    let own = find(&domains.next().ok_or("whose?")?).await?;
    let other = find(&domains.next().ok_or("and not whose?")?).await?;
    let pool = PgPool::connect(&env::var("APP_DATABASE_URL")?).await?;

    let mut tx = begin_as(&pool, &own).await?;
    sqlx::query("insert into person (email, full_name) values ($1, $2)")
        .bind("ada@example.com")
        .bind("Ada")
        .execute(&mut *tx)
        .await?;
    let people: i64 = sqlx::query_scalar("select count(*) from person").fetch_one(&mut *tx).await?;
    tx.commit().await?;
    println!("{} has {people} person", own["schema_name"]);

    let mut tx = begin_as(&pool, &own).await?;
    let schema = other["schema_name"].as_str().unwrap_or_default().replace('"', "\"\"");
    let read = AssertSqlSafe(format!("select full_name from \"{schema}\".person"));
    let Err(refused) = sqlx::query(read).execute(&mut *tx).await else {
        return Err("another tenant's table was read".into());
    };
    println!("refused: {refused}");
    Ok(())
}
