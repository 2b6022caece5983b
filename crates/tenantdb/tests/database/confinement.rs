//! What a tenant's role may do, and all that it may not.

use sqlx::{Connection, PgConnection};
use tenantdb::{MigrationSet, Promise, grants, role, schema};

use crate::support::{count, execute, set_of, site, sqlstate};

/// Statements that a tenant of schema `acme` must be refused.
const REFUSED: &[&str] = &[
    "select * from rival.person",
    "insert into rival.person (email, full_name) values ('a', 'b')",
    "select nextval('rival.person_id_seq')",
    "create table rival.x ()",
    "select * from tenantry.tenants",
    "select * from apalis.jobs",
    "create table public.x ()",
    "create table acme.x ()",
    "create temporary table x ()",
    "create schema x",
    "alter table acme.person add x int",
    "drop table acme.person",
    "truncate acme.person",
    "select * from tenantry.tenant_migrations",
    "update tenantry.tenant_migrations set version = null",
    "delete from tenantry.tenant_migrations",
    "select * from tenantry.migration_sets",
    "insert into tenantry.migration_sets values ('x', '{}', '{}', '{}')",
    "create role x",
    "comment on schema acme is 'tenantry:00000000:1'",
];

async fn assert_confined(conn: &mut PgConnection) {
    for sql in REFUSED {
        let state = sqlstate(execute(conn, sql).await);
        assert!(["42501", "3F000", "42P01"].contains(&state.as_str()), "{sql}: {state}");
    }
    execute(conn, "insert into person (email, full_name) values ('a@b.c', 'A')").await.unwrap();
    execute(conn, "update person set active = false").await.unwrap();
    assert_eq!(count(conn, "select count(*) from person").await, 1);
    execute(conn, "delete from acme.person").await.unwrap();
}

#[tokio::test]
async fn a_connected_tenant_reaches_its_own_data_and_nothing_else() {
    let site = site().await;
    site.provisioned(2, "rival").await;
    let tenant = site.provisioned(1, "acme").await;

    let mut conn = site.connect_as(tenant.role.as_str()).await.unwrap();

    assert_confined(&mut conn).await;
    conn.close().await.unwrap();
}

#[tokio::test]
async fn a_session_that_set_the_role_is_confined_as_well() {
    let site = site().await;
    site.provisioned(2, "rival").await;
    let tenant = site.provisioned(1, "acme").await;

    let mut conn = site.db.pool.acquire().await.unwrap().detach();
    let become_it = format!("set role {}; set search_path to acme", tenant.role.as_str());
    execute(&mut conn, &become_it).await.unwrap();

    assert_confined(&mut conn).await;
}

#[tokio::test]
async fn a_tenant_cannot_open_more_sessions_than_its_limit() {
    let site = site().await;
    let tenant = site.tenant(1, "acme");
    let mut tx = site.begin().await;
    role::claim(
        &mut tx,
        &tenant.role,
        &tenant.schema,
        1,
        &tenant.mark,
        tenantdb::TenantPath::ALONE,
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let (group, role) = (tenant.role.its_group(), tenant.role.as_str());
    site.run(&format!("grant {} to {role}", group.as_str())).await;

    let _first = site.connect_as(tenant.role.as_str()).await.unwrap();
    let second = site.connect_as(tenant.role.as_str()).await;

    assert_eq!(sqlstate(second), "53300");
}

#[tokio::test]
async fn tables_functions_and_sequences_of_later_migrations_are_the_tenants_too() {
    let site = site().await;
    let tenant = site.tenant(1, "acme");
    let first = set_of(&[(
        "1_a.sql",
        "create table a (id int); create function one() returns int as 'select 1' language sql",
    )]);
    let both = set_of(&[
        (
            "1_a.sql",
            "create table a (id int); create function one() returns int as 'select 1' language sql",
        ),
        (
            "2_b.sql",
            "create table b (id serial); create function two() returns int as 'select 2' language sql",
        ),
    ]);
    let mut tx = site.begin().await;
    tenant.provision(&mut tx, &first).await;

    tenant.apply(&mut tx, &both).await.unwrap();

    execute(&mut tx, &format!("set local role {}", tenant.role.as_str())).await.unwrap();
    execute(&mut tx, "insert into acme.a values (1); insert into acme.b default values")
        .await
        .unwrap();
    assert_eq!(count(&mut tx, "select (acme.one() + acme.two())::bigint").await, 3);
}

#[tokio::test]
async fn granting_again_changes_nothing() {
    let site = site().await;
    let (rival, tenant) = (site.provisioned(2, "rival").await, site.provisioned(1, "acme").await);
    let mut tx = site.begin().await;

    let promise = Promise::learn(&mut tx, &MigrationSet::embedded()).await.unwrap();
    grants::grant(&mut tx, &tenant.schema, &tenant.role, &promise).await.unwrap();

    assert_eq!(tenant.faults(&mut tx, Some(&rival)).await, Vec::<String>::new());
}

#[tokio::test]
async fn an_owner_of_the_database_who_is_no_superuser_provisions_and_undoes() {
    let site = site().await;
    site.undo_bootstrap().await;
    site.hand_to_an_owner().await;
    let mut conn = site.connect_as(&site.owner()).await.unwrap();
    tenantdb::bootstrap(&mut conn, &site.installation).await.unwrap();
    tenantdb::rights::check(&mut conn, Some(&site.installation)).await.unwrap();
    let tenant = site.tenant(1, "acme");
    let mut tx = conn.begin().await.unwrap();
    tenant.provision(&mut tx, &MigrationSet::embedded()).await;
    assert_eq!(tenant.faults(&mut tx, None).await, Vec::<String>::new());
    tx.commit().await.unwrap();

    let session = site.connect_as(tenant.role.as_str()).await.unwrap();
    let mut tx = conn.begin().await.unwrap();
    assert!(schema::drop_owned(&mut tx, &tenant.schema, &tenant.mark).await.unwrap());
    assert!(role::drop_owned(&mut tx, &tenant.role, &tenant.mark).await.unwrap());
    tx.commit().await.unwrap();

    drop(session); // it was still open when its role went: nobody was thrown out
    let left = format!("select count(*) from pg_roles where rolname = '{}'", tenant.role.as_str());
    assert_eq!(count(&mut conn, &left).await, 0);
}
