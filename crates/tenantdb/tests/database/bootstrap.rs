//! A database is made fit for tenants once, by whoever comes first.

use tenantdb::{BootstrapError, bootstrap, rights};

use crate::support::{Site, count, counters, execute, grown, site};

async fn public_rights(site: &Site) -> i64 {
    let mut conn = site.db.pool.acquire().await.unwrap();
    count(
        &mut conn,
        "select count(*) from (values
             (has_database_privilege('public', current_database(), 'connect')),
             (has_database_privilege('public', current_database(), 'temporary')),
             (has_schema_privilege('public', 'public', 'usage')),
             (has_schema_privilege('public', 'public', 'create'))) v (held) where held",
    )
    .await
}

#[tokio::test]
async fn public_loses_every_right_and_the_group_may_connect() {
    let site = site().await;
    site.undo_bootstrap().await;
    assert_eq!(public_rights(&site).await, 4);
    site.run("create function public.f() returns int language sql as 'select 1'").await;

    let mut conn = site.db.pool.acquire().await.unwrap();
    bootstrap(&mut conn, &site.installation).await.unwrap();

    assert_eq!(public_rights(&site).await, 0);
    execute(
        &mut conn,
        "create schema x; create function x.g() returns int language sql as 'select 1'",
    )
    .await
    .unwrap();
    let callable = "select count(*) from pg_proc where proname in ('f', 'g') and pronamespace in
        ('x'::regnamespace, 'public'::regnamespace) and has_function_privilege('public', oid, 'execute')";
    assert_eq!(count(&mut conn, callable).await, 0);
}

#[tokio::test]
async fn many_at_once_and_again_are_one() {
    let site = site().await;
    site.undo_bootstrap().await;

    let runs = (0..8).map(|_| async {
        let mut conn = site.db.pool.acquire().await.unwrap();
        bootstrap(&mut conn, &site.installation).await
    });
    let done: Vec<_> = futures::future::join_all(runs).await;

    assert!(done.iter().all(Result::is_ok), "{done:?}");
    assert_eq!(public_rights(&site).await, 0);
}

#[tokio::test]
async fn a_database_that_is_ready_is_only_read() {
    let site = site().await;
    let mut tx = site.begin().await;
    for counter in ["tuples_inserted", "tuples_updated", "tuples_deleted"] {
        let before = counters(&mut tx, counter).await;

        bootstrap(&mut tx, &site.installation).await.unwrap();

        let after = counters(&mut tx, counter).await;
        assert_eq!(grown(&before, &after), Vec::<String>::new(), "{counter}");
    }
}

#[tokio::test]
async fn the_databases_owner_needs_no_superuser() {
    let site = site().await;
    site.undo_bootstrap().await;
    site.hand_to_an_owner().await;

    let mut conn = site.connect_as(&site.owner()).await.unwrap();
    bootstrap(&mut conn, &site.installation).await.unwrap();

    assert_eq!(public_rights(&site).await, 0);
}

#[tokio::test]
async fn a_role_that_owns_nothing_is_told_so_in_words() {
    let site = site().await;
    site.undo_bootstrap().await;
    let weak = format!("tn_{}_weak", site.installation);
    site.run(&format!(
        "create role {weak} login createrole; grant usage on schema tenantry to {weak};
         grant select, update on tenantry.leases to {weak}"
    ))
    .await;
    let mut conn = site.connect_as(&weak).await.unwrap();

    let refused = bootstrap(&mut conn, &site.installation).await.unwrap_err();

    assert!(matches!(refused, BootstrapError::NotOwner), "{refused:?}");
    let lacking = rights::check(&mut conn, None).await.unwrap_err().to_string();
    assert!(lacking.contains("may not create schemas"), "{lacking}");
    assert!(!lacking.contains("may not create roles"), "{lacking}");
}

#[tokio::test]
async fn a_strangers_role_of_the_groups_name_is_not_adopted() {
    let site = site().await;
    site.undo_bootstrap().await;
    site.run(&format!("create role tn_{}_tenants superuser", site.installation)).await;
    let mut conn = site.db.pool.acquire().await.unwrap();

    let refused = bootstrap(&mut conn, &site.installation).await.unwrap_err();

    assert!(matches!(refused, BootstrapError::GroupTaken), "{refused:?}");
}

#[tokio::test]
async fn lacking_createrole_is_told_with_the_remedy() {
    let site = site().await;
    let tenant = site.provisioned(1, "acme").await;
    let mut conn = site.connect_as(tenant.role.as_str()).await.unwrap();

    let lacking = rights::check(&mut conn, None).await.unwrap_err().to_string();

    assert!(lacking.contains("alter role") && lacking.contains("createrole"), "{lacking}");
    assert!(lacking.contains("grant create on database"), "{lacking}");
}

#[tokio::test]
async fn an_owner_who_did_not_make_the_group_is_told_how_to_get_it() {
    let site = site().await;
    site.hand_to_an_owner().await;
    let mut conn = site.connect_as(&site.owner()).await.unwrap();
    let (owner, group) = (site.owner(), format!("tn_{}_tenants", site.installation));
    let remedy = format!("grant {group} to {owner} with admin option");

    let checked = rights::check(&mut conn, Some(&site.installation)).await;

    if site.makers_are_members() {
        let lacking = checked.unwrap_err().to_string();
        assert!(lacking.contains(&remedy), "{lacking}");
        site.run(&remedy).await;
        rights::check(&mut conn, Some(&site.installation)).await.unwrap();
    } else {
        checked.unwrap();
    }
}
