//! Nothing costs more because there are more tenants.

use sqlx::{PgConnection, Row};
use tenantdb::{MigrationSet, Promise, grants, lock, migrations, role, schema, shape, verify};

use crate::support::{execute, set_of, site};

/// Other schemas in the database: enough that reading a catalogue whole is the worse plan.
const OTHERS: u32 = 300;

/// How often each catalogue that grows with the tenants was read whole in this transaction.
async fn whole_reads(conn: &mut PgConnection) -> Vec<String> {
    let rows = sqlx::query(
        "select relname::text from pg_catalog.pg_stat_xact_sys_tables
         where schemaname = 'pg_catalog' and seq_scan > 0 and relname in
             ('pg_class', 'pg_depend', 'pg_shdepend', 'pg_namespace', 'pg_attribute', 'pg_type',
              'pg_proc', 'pg_constraint', 'pg_index', 'pg_description', 'pg_shdescription',
              'pg_authid', 'pg_auth_members', 'pg_db_role_setting', 'pg_default_acl',
              'pg_attrdef', 'pg_sequence', 'pg_trigger', 'pg_init_privs')",
    )
    .fetch_all(conn)
    .await
    .unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn no_catalogue_is_read_whole_while_a_tenant_is_made_changed_and_dropped() {
    let site = site().await;
    site.run(&format!(
        "do $$ begin for n in 1..{OTHERS} loop
             execute format('create schema o%s; create table o%s.a (id int primary key, b text default 1);
                 create function o%s.f() returns int language sql as ''select 1'';
                 comment on schema o%s is ''x''', n, n, n, n);
         end loop; end $$"
    ))
    .await;
    site.run("analyze").await;
    let (set, tenant) = (MigrationSet::embedded(), site.tenant(1, "acme"));
    let mut conn = site.db.pool.acquire().await.unwrap();
    let promise = Promise::learn(&mut conn, &set).await.unwrap();
    execute(&mut conn, "begin").await.unwrap();

    tenant.provision(&mut conn, &set).await;
    role::owner(&mut conn, &tenant.role).await.unwrap();
    schema::owner(&mut conn, &tenant.schema).await.unwrap();
    shape::read(&mut conn, &tenant.schema).await.unwrap();
    migrations::applied(&mut conn, &tenant.schema).await.unwrap();
    let (schema, role, mark) = (&tenant.schema, &tenant.role, &tenant.mark);
    verify::verify(&mut conn, schema, role, mark, &set, &promise, Some(schema)).await.unwrap();
    migrations::revert(&mut conn, schema, &set, Some(0)).await.unwrap();
    grants::grant(&mut conn, schema, role).await.unwrap();
    assert!(schema::drop_owned(&mut conn, schema, mark).await.unwrap());
    assert!(role::drop_owned(&mut conn, role, mark).await.unwrap());

    assert_eq!(whole_reads(&mut conn).await, Vec::<String>::new());
    execute(&mut conn, "rollback").await.unwrap();
}

#[tokio::test]
async fn a_tenant_takes_few_messages() {
    let site = site().await;
    let (set, tenant) =
        (set_of(&[("1_a.sql", "create table a (id serial)")]), site.tenant(1, "acme"));
    let mut conn = site.db.pool.acquire().await.unwrap();
    let promise = Promise::learn(&mut conn, &set).await.unwrap();
    execute(&mut conn, "set log_min_messages = warning").await.unwrap();
    drop((promise, lock::begin(tenant.mark.tenant)));
}
