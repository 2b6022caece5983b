//! A tenant's role sees its own schema, and nothing else.

use std::str::FromStr as _;

use serde_json::Value;
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions,
};

use super::support::{System, installation, tenants};

/// `insufficient_privilege`.
const REFUSED: &str = "42501";

struct Two {
    system: System,
    schema: String,
    role: String,
    neighbour: String,
    neighbours_role: String,
}

async fn two_tenants() -> Two {
    let system = System::start(1).await;
    let made = system.provision(tenants(2)).await;
    let schema = |at: usize| made[at]["schema_name"].as_str().unwrap().to_owned();
    let (own, neighbour) = (schema(0), schema(1));
    let role = |result: &Value| result["tenant_id"].as_i64().unwrap();
    let inst = installation(&system.db.pool).await;
    let (role, neighbours_role) =
        (format!("tn_{inst}_{}", role(&made[0])), format!("tn_{inst}_{}", role(&made[1])));
    let fill = format!("insert into {neighbour}.person (email, full_name) values ('a@b.c', 'A')");
    sqlx::query(AssertSqlSafe(fill)).execute(&system.db.pool).await.unwrap();
    Two { system, schema: own, role, neighbour, neighbours_role }
}

async fn connected_as(two: &Two) -> PgConnection {
    let options = PgConnectOptions::from_str(&two.system.db.url).unwrap();
    options.username(&two.role).connect().await.unwrap()
}

async fn set_role_to(two: &Two) -> PgConnection {
    let options = PgConnectOptions::from_str(&two.system.db.url).unwrap();
    let mut conn = options.connect().await.unwrap();
    let become_it = AssertSqlSafe(format!("set role {}", two.role));
    sqlx::query(become_it).execute(&mut conn).await.unwrap();
    conn
}

fn forbidden(two: &Two) -> Vec<String> {
    let Two { schema, neighbour, .. } = two;
    vec![
        format!("select * from {neighbour}.person"),
        format!("select count(*) from {neighbour}.tenant"),
        format!("insert into {neighbour}.person (email, full_name) values ('x@y.z', 'X')"),
        format!("delete from {neighbour}.person"),
        format!("drop table {neighbour}.person"),
        format!("create table {neighbour}.mine (id int)"),
        "select * from tenantry.tenants".into(),
        "select hash, sealed from tenantry.api_keys".into(),
        "select * from tenantry.operator_tokens".into(),
        "update tenantry.tenants set state = 'deleted'".into(),
        "select * from apalis.jobs".into(),
        "delete from apalis.jobs".into(),
        "create table public.mine (id int)".into(),
        "create temporary table mine (id int)".into(),
        "create schema mine".into(),
        "create role mine".into(),
        format!("create table {schema}.mine (id int)"),
        format!("drop table {schema}.person"),
        format!("alter table {schema}.person disable row level security"),
        format!("drop schema {schema} cascade"),
        "select * from tenantry.tenant_migrations".into(),
        "update tenantry.tenant_migrations set version = null".into(),
        "delete from tenantry.migration_sets".into(),
    ]
}

async fn assert_confined(two: &Two, conn: &mut PgConnection) {
    for sql in forbidden(two) {
        let result = sqlx::query(AssertSqlSafe(sql.clone())).execute(&mut *conn).await;
        let error = result.expect_err(&sql);
        let state = error.as_database_error().and_then(|e| e.code().map(|c| c.into_owned()));
        assert_eq!(state.as_deref(), Some(REFUSED), "{sql}: {error}");
    }
}

async fn assert_at_home(schema: &str, conn: &mut PgConnection) {
    for sql in [
        format!("insert into {schema}.person (email, full_name) values ('me@own.example', 'Me')"),
        format!("update {schema}.person set full_name = 'Myself'"),
        format!("delete from {schema}.person"),
    ] {
        let done = sqlx::query(AssertSqlSafe(sql.clone())).execute(&mut *conn).await;
        assert!(done.as_ref().is_ok_and(|done| done.rows_affected() > 0), "{sql}: {done:?}");
    }
}

#[tokio::test]
async fn a_tenants_role_connected_reads_and_writes_its_own_tables_and_nothing_else() {
    let two = two_tenants().await;

    let mut conn = connected_as(&two).await;

    assert_confined(&two, &mut conn).await;
    assert_at_home(&two.schema, &mut conn).await;
    let path: String = sqlx::query_scalar("show search_path").fetch_one(&mut conn).await.unwrap();
    assert!(!path.contains("public"), "{path}");
    let here: String =
        sqlx::query_scalar("select current_schema()").fetch_one(&mut conn).await.unwrap();
    assert_eq!(here, two.schema);
    for other in [two.neighbours_role.as_str(), "postgres"] {
        let become_it = AssertSqlSafe(format!("set role {other}"));
        let refused = sqlx::query(become_it).execute(&mut conn).await;
        assert!(refused.is_err(), "{other}");
    }
    conn.close().await.unwrap();
}

#[tokio::test]
async fn a_session_that_sets_a_tenants_role_is_confined_as_well() {
    let two = two_tenants().await;

    let mut conn = set_role_to(&two).await;

    assert_confined(&two, &mut conn).await;
    assert_at_home(&two.schema, &mut conn).await;
    conn.close().await.unwrap();
}

#[tokio::test]
async fn nobody_else_may_enter_the_database_or_its_public_schema() {
    let two = two_tenants().await;
    let pool = &two.system.db.pool;

    let open: Vec<String> = sqlx::query_scalar(
        "select privilege_type from pg_database d, aclexplode(d.datacl) a
         where d.datname = current_database() and a.grantee = 0
         union all select privilege_type from pg_namespace n, aclexplode(n.nspacl) a
         where n.nspname = 'public' and a.grantee = 0",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    let powers: Vec<String> = sqlx::query_scalar(
        "select rolname from pg_roles where starts_with(rolname, $1)
           and (rolsuper or rolcreatedb or rolcreaterole or rolreplication or rolbypassrls)",
    )
    .bind(format!("tn_{}_", installation(pool).await))
    .fetch_all(pool)
    .await
    .unwrap();

    assert_eq!((open, powers), (Vec::<String>::new(), Vec::<String>::new()));
}
