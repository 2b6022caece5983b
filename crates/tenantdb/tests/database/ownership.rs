//! Nothing that we did not make is ever adopted or dropped.

use domain::{SchemaName, TenantId};
use tenantdb::{Mark, Owner, newcomers, role, schema};

use crate::support::{CONNECTIONS, count, site, sqlstate};

#[tokio::test]
async fn a_strangers_schema_is_neither_adopted_nor_dropped() {
    let site = site().await;
    let tenant = site.tenant(1, "acme");
    site.run("create schema acme; create table acme.treasure as select 1 as gold").await;
    let mut tx = site.begin().await;

    let claimed = schema::claim(&mut tx, &tenant.schema, &tenant.mark).await.unwrap();
    let dropped = schema::drop_owned(&mut tx, &tenant.schema, &tenant.mark).await.unwrap();
    let created = newcomers::create_schemas(&mut tx, &[tenant.subject()]).await;
    tx.rollback().await.unwrap();

    assert_eq!((claimed, dropped), (Owner::Unmarked, false));
    assert_eq!(sqlstate(created), "42P06");
    let mut conn = site.db.pool.acquire().await.unwrap();
    assert_eq!(schema::owner(&mut conn, &tenant.schema).await.unwrap(), Owner::Unmarked);
    assert_eq!(count(&mut conn, "select count(*) from acme.treasure").await, 1);
}

#[tokio::test]
async fn a_strangers_role_is_neither_adopted_nor_dropped() {
    let site = site().await;
    let tenant = site.tenant(1, "acme");
    site.run(&format!("create role {}", tenant.role.as_str())).await;
    let mut tx = site.begin().await;

    let claimed = role::claim(
        &mut tx,
        &tenant.role,
        &tenant.schema,
        CONNECTIONS,
        &tenant.mark,
        tenantdb::TenantPath::ALONE,
    );
    let claimed = claimed.await.unwrap();
    let dropped = role::drop_owned(&mut tx, &tenant.role, &tenant.mark).await.unwrap();
    let created = newcomers::create_roles(&mut tx, &[tenant.subject()], CONNECTIONS).await;
    tx.rollback().await.unwrap();

    assert_eq!((claimed, dropped), (Owner::Unmarked, false));
    assert_eq!(sqlstate(created), "42710");
    let mut conn = site.db.pool.acquire().await.unwrap();
    assert_eq!(role::owner(&mut conn, &tenant.role).await.unwrap(), Owner::Unmarked);
}

#[tokio::test]
async fn what_another_tenant_or_installation_made_is_a_strangers_too() {
    let site = site().await;
    let ours = site.tenant(1, "acme");
    let elsewhere = Mark {
        installation: domain::InstallationId::parse("00000000").unwrap(),
        tenant: TenantId::new(1),
    };
    for theirs in [site.tenant(2, "acme").mark, elsewhere] {
        let mut tx = site.begin().await;
        schema::claim(&mut tx, &ours.schema, &theirs).await.unwrap();

        let claimed = schema::claim(&mut tx, &ours.schema, &ours.mark).await.unwrap();
        let dropped = schema::drop_owned(&mut tx, &ours.schema, &ours.mark).await.unwrap();

        assert_eq!((claimed, dropped), (Owner::Marked(theirs), false));
    }
}

#[tokio::test]
async fn claiming_twice_is_claiming_once_and_undoing_twice_leaves_nothing() {
    let site = site().await;
    let tenant = site.tenant(1, "acme");
    let mut tx = site.begin().await;

    for _ in 0..2 {
        assert!(!schema::owner(&mut tx, &tenant.schema).await.unwrap().is(&tenant.mark));
        for _ in 0..2 {
            let role = role::claim(
                &mut tx,
                &tenant.role,
                &tenant.schema,
                1,
                &tenant.mark,
                tenantdb::TenantPath::ALONE,
            );
            assert!(role.await.unwrap().is(&tenant.mark));
            let schema = schema::claim(&mut tx, &tenant.schema, &tenant.mark).await.unwrap();
            assert!(schema.is(&tenant.mark));
        }
        for first in [true, false] {
            let schema = schema::drop_owned(&mut tx, &tenant.schema, &tenant.mark).await.unwrap();
            let role = role::drop_owned(&mut tx, &tenant.role, &tenant.mark).await.unwrap();
            assert_eq!((schema, role), (first, first));
        }
    }
}

#[tokio::test]
async fn two_names_equal_in_their_first_63_bytes_are_not_one_schema() {
    let site = site().await;
    let longest = "a".repeat(63);
    let tenant = site.provisioned(1, &longest).await;

    assert!(SchemaName::parse(&format!("{longest}b")).is_err(), "the server would cut it");
    assert!(SchemaName::parse(&"é".repeat(41)).is_err(), "bytes are counted");
    let twin = site.tenant(2, &longest);
    let mut tx = site.begin().await;
    let claimed = schema::claim(&mut tx, &twin.schema, &twin.mark).await.unwrap();
    assert_eq!(claimed, Owner::Marked(tenant.mark));
}
