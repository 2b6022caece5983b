//! What Tenantry did not make is not Tenantry's: neither taken over nor dropped.

use serde_json::{Value, json};
use sqlx::PgPool;

use super::support::{System, installation, orphans, tenant};

/// Every byte of the stranger's schema that can be seen, and the objects' very identities.
const CONTENT: &str = "
select concat_ws(e'\\n', n.oid, n.nspowner, n.nspacl, obj_description(n.oid, 'pg_namespace'),
    (select string_agg(format('%s %s %s %s', c.oid, c.relname, c.relfilenode, c.relacl), ','
                       order by c.oid)
     from pg_class c where c.relnamespace = n.oid),
    (select string_agg(b::text, ',' order by b) from ledger.book b))
from pg_namespace n where n.nspname = 'ledger'";

async fn execute(pool: &PgPool, sql: String) {
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(pool).await.unwrap();
}

async fn make_ledger(system: &System) {
    let sql = "create schema ledger; comment on schema ledger is 'do not touch';
        create table ledger.book (id bigint primary key, entry text, raw bytea);
        insert into ledger.book select n, 'entry ' || n, decode(md5(n::text), 'hex')
        from generate_series(1, 100) n";
    execute(&system.db.pool, sql.to_owned()).await;
}

async fn content(system: &System) -> String {
    sqlx::query_scalar(CONTENT).fetch_one(&system.db.pool).await.unwrap()
}

fn wanting(number: usize, schema: &str) -> Value {
    let mut wanted = tenant(number);
    wanted["schema_name"] = json!(schema);
    wanted
}

async fn drop_schema(system: &System, name: &str) {
    execute(&system.db.pool, format!("drop schema {name} cascade")).await;
}

#[tokio::test]
async fn a_strangers_schema_is_neither_adopted_nor_dropped() {
    let system = System::start(1).await;
    make_ledger(&system).await;
    let before = content(&system).await;

    let batch = system.submit(vec![tenant(0), wanting(1, "LEDGER"), tenant(2)]).await;
    let over = system.finished(&batch).await;
    let results = system.results(&batch).await;

    assert_eq!(over["state"], "completed_with_failures");
    assert_eq!(results[1]["status"], "failed", "{:#}", results[1]);
    assert_eq!(results[1]["error"]["code"], "schema_taken");
    assert_eq!(results[1]["error"]["step"], "create_schema");
    assert_eq!(results[1]["error"]["retryable"], false);
    assert_eq!(content(&system).await, before);
    // The name it could not have holds nothing else: its domain is free again.
    let again = system.provision(vec![wanting(1, "ledger_of_tenant")]).await;
    assert_eq!(again[0]["domain"], "t1.example.com");
    assert_eq!(content(&system).await, before);
    drop_schema(&system, "ledger").await;
    assert_eq!(orphans(&system.db.pool).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_schema_marked_as_another_tenants_is_not_adopted_either() {
    let system = System::start(1).await;
    make_ledger(&system).await;
    let another = format!("tenantry:{}:987654", installation(&system.db.pool).await);
    let mark = format!("comment on schema ledger is '{another}'");
    execute(&system.db.pool, mark).await;
    let before = content(&system).await;

    let batch = system.submit(vec![wanting(0, "ledger")]).await;
    let over = system.finished(&batch).await;

    assert_eq!(over["state"], "failed");
    assert_eq!(system.results(&batch).await[0]["error"]["code"], "schema_taken");
    assert_eq!(content(&system).await, before);
}

#[tokio::test]
async fn a_strangers_role_is_neither_adopted_nor_dropped() {
    let system = System::start(1).await;
    let id = system.provision(vec![tenant(0)]).await[0]["tenant_id"].as_i64().unwrap();
    let role = format!("tn_{}_{}", installation(&system.db.pool).await, id + 1);
    execute(&system.db.pool, format!("create role {role} nologin connection limit 7")).await;

    let batch = system.submit(vec![tenant(1)]).await;
    system.finished(&batch).await;
    let result = system.results(&batch).await.remove(0);

    assert_eq!(result["tenant_id"], id + 1, "{result}");
    assert_eq!(result["error"]["code"], "role_taken", "{result}");
    let found: (bool, i32) =
        sqlx::query_as("select rolcanlogin, rolconnlimit from pg_roles where rolname = $1")
            .bind(&role)
            .fetch_one(&system.db.pool)
            .await
            .unwrap();
    assert_eq!(found, (false, 7));
    assert_eq!(orphans(&system.db.pool).await, vec![format!("a role of nobody: {role}")]);
}
