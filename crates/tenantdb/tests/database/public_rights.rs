//! Whom the own mode takes rights from, and what the shared mode leaves.

use domain::DatabaseMode;
use sqlx::Connection;
use tenantdb::bootstrap_as;
use tenantdb::public_rights::{self, Loss};

use crate::support::{Site, execute, site, sqlstate};

/// A site with PostgreSQL's default rights and a stranger's application: a login role, and a role
/// that owns what it uses and cannot log in.
async fn beside_a_stranger() -> (Site, String, String) {
    let site = site().await;
    site.undo_bootstrap().await;
    let (app, owner) =
        (format!("tn_{}_app", site.installation), format!("tn_{}_legacy", site.installation));
    site.run(&format!(
        "create role {app} login; create role {owner};
         create table public.legacy as select 1 as n; alter table public.legacy owner to {owner};
         grant select on public.legacy to {app};
         create function public.answer() returns int language sql as 'select 42'"
    ))
    .await;
    (site, app, owner)
}

/// Who loses what, of those roles alone: the cluster is shared with other tests.
async fn losses(site: &Site) -> Vec<Loss> {
    let mut conn = site.db.pool.acquire().await.unwrap();
    let mut losses = public_rights::losses(&mut conn).await.unwrap();
    losses.retain(|loss| loss.role.starts_with(&format!("tn_{}_", site.installation)));
    losses
}

fn rights_of<'a>(losses: &'a [Loss], role: &str) -> Vec<&'a str> {
    losses.iter().filter(|loss| loss.role == role).map(|loss| loss.right.as_str()).collect()
}

async fn prepare(site: &Site, mode: DatabaseMode, losses: &[Loss]) {
    let mut tx = site.begin().await;
    bootstrap_as(&mut tx, &site.installation, mode, losses).await.unwrap();
    execute(&mut tx, &format!("update tenantry.installation set mode = '{mode}'")).await.unwrap();
    tx.commit().await.unwrap();
}

/// What the application does all day.
const USES: &[&str] = &[
    "select n from public.legacy",
    "select public.answer()",
    "create temporary table note (n int)",
    "select pg_advisory_lock(7), pg_advisory_unlock(7)",
    "select lo_unlink(lo_create(0))",
];

#[tokio::test]
async fn every_role_that_leans_on_public_is_listed_with_what_it_would_lose() {
    let (site, app, owner) = beside_a_stranger().await;
    let me = format!("tn_{}", site.installation);
    site.run(&format!(
        "create role {me}_idle; create role {me}_root superuser login; create role {me}_named login;
         grant usage on schema public to {me}_named"
    ))
    .await;

    let found = losses(&site).await;

    let all = [
        "EXECUTE on the functions of advisory locks",
        "CONNECT on the database",
        "TEMPORARY on the database",
        "EXECUTE on the functions of large objects",
        "EXECUTE on the functions of schema public",
        "CREATE on schema public",
        "USAGE on schema public",
    ];
    let sorted = |mut rights: Vec<&str>| {
        rights.sort_unstable();
        rights.join("; ")
    };
    assert_eq!(sorted(rights_of(&found, &app)), sorted(all.to_vec()));
    let without = |right: &str| sorted(all.iter().copied().filter(|r| *r != right).collect());
    assert_eq!(sorted(rights_of(&found, &owner)), without("CONNECT on the database"));
    assert_eq!(
        sorted(rights_of(&found, &format!("{me}_named"))),
        without("USAGE on schema public")
    );
    for role in ["idle", "root", "tenants"] {
        assert_eq!(rights_of(&found, &format!("{me}_{role}")), [""; 0], "{role}");
    }
}

#[tokio::test]
async fn the_own_mode_gives_them_the_same_by_name_and_nobody_else() {
    let (site, app, owner) = beside_a_stranger().await;
    let found = losses(&site).await;

    prepare(&site, DatabaseMode::Own, &found).await;

    let mut conn = site.connect_as(&app).await.unwrap();
    for sql in USES {
        execute(&mut conn, sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    }
    conn.close().await.unwrap();
    assert_eq!(losses(&site).await, []);
    let late = format!("tn_{}_late", site.installation);
    site.run(&format!("create role {late} login")).await;
    assert_eq!(sqlstate(site.connect_as(&late).await), "42501");
    let mut conn = site.db.pool.acquire().await.unwrap();
    execute(&mut conn, &format!("set role {owner}; select public.answer(); reset role"))
        .await
        .unwrap();
    let rights = public_rights::read(&mut conn).await.unwrap();
    assert_eq!(rights.all(), [""; 0]);
}

#[tokio::test]
async fn the_shared_mode_takes_nothing_and_isolates_tenants_all_the_same() {
    let (site, app, _) = beside_a_stranger().await;
    let before = losses(&site).await;

    prepare(&site, DatabaseMode::Shared, &before).await;

    assert_eq!(losses(&site).await, before);
    let mut conn = site.connect_as(&app).await.unwrap();
    for sql in USES {
        execute(&mut conn, sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    }
    conn.close().await.unwrap();
    let (acme, rival) = (site.provisioned(1, "acme").await, site.provisioned(2, "rival").await);
    let mut admin = site.db.pool.acquire().await.unwrap();
    assert_eq!(acme.faults(&mut admin, Some(&rival)).await, [""; 0]);
    let mut conn = site.connect_as(acme.role.as_str()).await.unwrap();
    execute(&mut conn, "insert into person (email, full_name) values ('a@b.c', 'A')")
        .await
        .unwrap();
    for sql in [
        "select * from rival.person",
        "select * from tenantry.tenants",
        "select * from apalis.jobs",
        "create table acme.x ()",
        "select * from public.legacy",
    ] {
        assert_eq!(sqlstate(execute(&mut conn, sql).await), "42501", "{sql}");
    }
    conn.close().await.unwrap();
}

#[tokio::test]
async fn a_right_of_the_tenant_by_name_is_a_fault_in_the_shared_mode_too() {
    let (site, _, _) = beside_a_stranger().await;
    prepare(&site, DatabaseMode::Shared, &[]).await;
    let acme = site.provisioned(1, "acme").await;
    site.run("revoke create on schema public from public").await;
    site.run(&format!("grant create on schema public to {}", acme.role)).await;

    let mut conn = site.db.pool.acquire().await.unwrap();
    let faults = acme.faults(&mut conn, None).await;

    assert_eq!(faults, ["the role may create objects in schema public"]);
}

#[tokio::test]
async fn a_tenant_of_an_own_database_takes_no_advisory_lock_and_makes_no_large_object() {
    let site = site().await;
    let acme = site.provisioned(1, "acme").await;
    let mut conn = site.connect_as(acme.role.as_str()).await.unwrap();

    for sql in [
        "select pg_advisory_lock(1)",
        "select pg_advisory_lock(1, 2)",
        "select pg_advisory_xact_lock_shared(1)",
        "select pg_try_advisory_lock(1)",
        "select pg_advisory_unlock_all()",
        "select lo_create(0)",
        "select lo_from_bytea(0, 'x')",
        "select lo_open(1, 1)",
        "select loread(0, 1)",
        "select lowrite(0, 'x')",
    ] {
        assert_eq!(sqlstate(execute(&mut conn, sql).await), "42501", "{sql}");
    }
    conn.close().await.unwrap();
}

#[tokio::test]
async fn in_the_own_mode_what_public_has_is_every_tenants_fault() {
    let site = site().await;
    let acme = site.provisioned(1, "acme").await;
    site.run(
        "do $$ begin execute format('grant temporary on database %I to public',
        current_database()); end $$",
    )
    .await;

    let mut conn = site.db.pool.acquire().await.unwrap();
    let faults = acme.faults(&mut conn, None).await;

    assert_eq!(faults, ["the role may create temporary tables or schemas"]);
}

#[tokio::test]
async fn a_superuser_who_acts_as_the_owner_revokes_all_and_the_owner_keeps_its_own() {
    let (site, app, _) = beside_a_stranger().await;
    site.hand_to_an_owner().await;
    let owner = site.owner();
    let mut conn = site.db.pool.acquire().await.unwrap();
    execute(&mut conn, &format!("set role {owner}")).await.unwrap();
    let mut losses = public_rights::losses(&mut conn).await.unwrap();
    losses.retain(|loss| loss.role == app || loss.role == owner);

    bootstrap_as(&mut conn, &site.installation, DatabaseMode::Own, &losses).await.unwrap();

    let acting: String =
        sqlx::query_scalar("select current_user").fetch_one(&mut *conn).await.unwrap();
    assert_eq!(acting, owner);
    assert_eq!(public_rights::read(&mut conn).await.unwrap().all(), [""; 0]);
    execute(&mut conn, "select pg_advisory_unlock(7) from pg_advisory_lock(7)").await.unwrap();
    let mut conn = site.connect_as(&app).await.unwrap();
    for sql in USES {
        execute(&mut conn, sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    }
    conn.close().await.unwrap();
}
