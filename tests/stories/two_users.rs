//! Two database users in turn and at once, and another owner: one role owns all there is.

use std::{path::Path, time::Duration};

use harness::Db;

use super::{
    plain_owner::{execute, owned_database, url_of},
    support::{Process, System, environment, eventually, installation, orphans, tenants},
};

/// How long a command may take.
const ENDS_IN: Duration = Duration::from_secs(90);

/// Owners of tenants' schemas.
const OWNERS: &str = "select count(distinct n.nspowner) from pg_namespace n
    join tenantry.tenants t on t.schema_name = n.nspname";

/// Whether this server has makers of roles.
const HAS_MAKERS: &str = "select count(*) from pg_roles r join tenantry.installation i
    on starts_with(r.rolname, 'tn_' || i.id || '_maker_')";

/// SQL of the page for operators: of the section with this title.
fn commands(title: &str, old: &str, new: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/DATABASE_USER.md");
    let page = std::fs::read_to_string(page).unwrap();
    let section = page.split("\n## ").find(|section| section.starts_with(title)).unwrap();
    let sql = section.split("```sql").nth(1).unwrap().split("```").next().unwrap();
    sql.replace("tenantry_a", old).replace("tenantry_b", new)
}

/// A prepared database, its owner, and another role's name.
async fn two_users() -> (Db, String, String) {
    let (db, _) = owned_database().await;
    let id = installation(&db.pool).await;
    (db, format!("tn_{id}_owner"), format!("tn_{id}_second"))
}

async fn clean(system: &mut System) {
    for worker in &mut system.workers {
        worker.terminate(ENDS_IN).await;
    }
    assert_eq!(orphans(&system.db.pool).await, Vec::<String>::new());
    let doctor = system.examine().await;
    assert_eq!(doctor.code, Some(0), "{}\n{}", doctor.out, doctor.err);
}

#[tokio::test]
async fn two_database_users_at_once_and_in_turn_are_one_owner() {
    let (db, owner, second) = two_users().await;
    execute(&db, commands("Change the user", &owner, &second)).await;
    let (first_url, second_url) = (url_of(&db, &owner), url_of(&db, &second));
    let pool = [("TENANTRY__POOL__SIZE", "4")];
    let mut system = System::on(db, &first_url, 1, &pool).await;
    system.add_worker(&[("DATABASE_URL", &second_url)]).await;

    let both = system.provision(tenants(170)).await;
    system.workers.remove(0).terminate(ENDS_IN).await;
    let alone = system.provision((200..260).map(super::support::tenant).collect()).await;
    system.env.insert("DATABASE_URL".to_owned(), second_url);

    assert_eq!((both.len(), alone.len()), (170, 60));
    assert_eq!(system.count(OWNERS).await, 1);
    clean(&mut system).await;
}

#[tokio::test]
async fn a_user_that_may_not_act_for_the_owner_is_refused_by_every_process() {
    let (db, owner, second) = two_users().await;
    execute(&db, format!("create role {second} login superuser; alter role {second} nosuperuser"))
        .await;
    let database = reqwest::Url::parse(&db.url).unwrap().path().trim_start_matches('/').to_owned();
    execute(&db, format!("grant connect on database \"{database}\" to {second}")).await;
    let dir = tempfile::tempdir().unwrap();
    let env = environment(&url_of(&db, &second), &[]);

    for (program, args) in [
        ("tenantry-api", ["--port", "0"]),
        ("tenantry-worker", ["--port", "0"]),
        ("tenantry", ["token", "list"]),
        ("tenantry", ["doctor", "--all-tenants"]),
    ] {
        let mut process = Process::spawn(program, &args, "refused", dir.path(), &env);
        let ended = process.end(ENDS_IN).await;

        assert!(!ended.success(), "{program}");
        let told = process.log();
        let remedy = format!("run `grant {owner} to {second}`");
        assert!(told.contains(&remedy) && told.contains("may not act for"), "{program}: {told}");
    }
}

#[tokio::test]
async fn after_a_change_of_the_owner_by_the_page_old_and_new_tenants_are_whole() {
    let (db, owner, second) = two_users().await;
    let (first_url, second_url) = (url_of(&db, &owner), url_of(&db, &second));
    let mut system = System::on(db, &first_url, 1, &[("TENANTRY__POOL__SIZE", "3")]).await;
    system.provision(tenants(20)).await;
    system.workers.remove(0).terminate(ENDS_IN).await;
    let newest = system.count("select coalesce(max(id), 0) from tenantry.spares").await;

    execute(&system.db, commands("Change the owner", &owner, &second)).await;
    system.env.insert("DATABASE_URL".to_owned(), system.db.url.clone());
    let up = system.cli(&["migrate", "public", "up"]).await;
    assert_eq!(up.code, Some(0), "{}", up.err);
    system.env.insert("DATABASE_URL".to_owned(), second_url);
    system.add_worker(&[]).await;
    system.restart_api().await;
    let made = system.provision((200..230).map(super::support::tenant).collect()).await;

    assert_eq!(made.len(), 30);
    eventually("the former owner's spares to be dropped", ENDS_IN, async || {
        let oldest =
            system.count("select coalesce(min(id), 1e9)::bigint from tenantry.spares").await;
        (oldest > newest).then_some(())
    })
    .await;
    assert_eq!(system.count(OWNERS).await, 1);
    clean(&mut system).await;
}

#[tokio::test]
async fn a_refused_right_fails_no_tenant_and_work_goes_on_when_it_is_given_back() {
    let (db, owner, _) = two_users().await;
    let url = url_of(&db, &owner);
    let database = reqwest::Url::parse(&db.url).unwrap().path().trim_start_matches('/').to_owned();
    let mut system = System::on(db, &url, 1, &[("TENANTRY__WORKER__MAX_ATTEMPTS", "1")]).await;
    // The worker has looked at its rights and begun.
    system.provision((50..52).map(super::support::tenant).collect()).await;
    let revoke = format!("revoke create on database \"{database}\" from {owner}");
    execute(&system.db, revoke).await;

    let batch = system.submit(tenants(12)).await;
    eventually("the worker to say what is refused", ENDS_IN, async || {
        system.workers[0].log().contains("the database refuses a right").then_some(())
    })
    .await;
    let refused = system
        .count("select count(*) from tenantry.operation_items where error_code = 'right_refused'")
        .await;
    let grant = format!("grant create on database \"{database}\" to {owner}");
    execute(&system.db, grant).await;
    let over = system.finished(&batch).await;

    assert_eq!(over["state"], "completed", "{over}");
    let log = system.workers[0].log();
    assert_eq!(log.matches("the database refuses a right").count(), 1, "{log}");
    assert!(log.contains("the work goes on") && refused <= 12, "{log}");
    assert!(system.workers[0].has_ended().is_none());
}

#[tokio::test]
async fn a_maker_without_its_function_is_passed_over_found_and_mended() {
    let (db, owner, _) = two_users().await;
    let url = url_of(&db, &owner);
    let mut system = System::on(db, &url, 1, &[]).await;
    system.provision(tenants(3)).await;
    if system.count(HAS_MAKERS).await == 0 {
        return; // before PostgreSQL 16 there are none
    }
    execute(
        &system.db,
        "do $$ declare f regprocedure; begin
        for f in select p.oid from pg_proc p join pg_namespace n on n.oid = p.pronamespace
                 where n.nspname = 'tenantry' and p.proname like 'tn\\_%\\_maker\\_%'
        loop execute 'drop function ' || f; end loop; end $$"
            .to_owned(),
    )
    .await;

    let made = system.provision((10..20).map(super::support::tenant).collect()).await;
    let found = system.cli(&["doctor", "--grace", "0", "--json"]).await;
    let fixed = system.cli(&["doctor", "--grace", "0", "--fix", "maker_broken"]).await;

    assert_eq!(made.len(), 10);
    assert_eq!(found.json()["found"]["maker_broken"], 1, "{}", found.out);
    let told = format!("{}{}", fixed.out, fixed.err);
    assert!(told.contains("maker_broken: repaired 1, refused 0"), "{told}");
    clean(&mut system).await;
}
