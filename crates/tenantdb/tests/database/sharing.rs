//! Extensions and tables that all tenants share: usable by each, and by none to change.

use std::sync::atomic::AtomicBool;

use sqlx::{Connection, PgConnection};
use tenantdb::{
    MigrationSet, Promise, Shared, Subject, TenantPath, bootstrap, migrations::Reading, newcomers,
    role, schema, share, trial, verify,
};

use crate::support::{CONNECTIONS, Site, Tenant, count, execute, site, sqlstate};

const COUNTRIES: &str = "create table public.countries (code text primary key, name text);
    insert into public.countries values ('de', 'Germany'), ('fr', 'France')";
const FILES: &[(&str, &str)] = &[(
    "1_a.sql",
    "create extension if not exists citext;
     create table account (email citext primary key, country text references public.countries (code));
     create view land as select a.email, c.name from account a
         join public.countries c on c.code = a.country;
     create function same(a tenantry_extensions.citext, b citext) returns boolean
         language sql as 'select a = b';",
)];

fn shared() -> Shared {
    let (extensions, tables) = (vec!["citext".to_owned()], vec!["public.countries".to_owned()]);
    Shared { extensions, tables }
}

/// Loads migrations of tenants that share this.
fn set_sharing(files: &[(&str, &str)], shared: &Shared) -> MigrationSet {
    let folder = tempfile::tempdir().unwrap();
    for (name, sql) in files {
        std::fs::write(folder.path().join(name), sql).unwrap();
    }
    let reading = Reading { shared: shared.clone(), ..Reading::default() };
    MigrationSet::load_as(folder.path(), reading).unwrap()
}

async fn share(site: &Site, conn: &mut PgConnection, shared: &Shared) {
    assert_eq!(share::lacking(conn, shared).await.unwrap(), [""; 0]);
    share::create_extensions(conn, shared).await.unwrap();
    share::grant(conn, &site.installation, shared).await.unwrap();
}

async fn faults_of(site: &Site, conn: &mut PgConnection, tenant: &Tenant) -> Vec<String> {
    let set = set_sharing(FILES, &shared());
    let promise = Promise::learn(conn, &set).await.unwrap();
    let mut faults = share::faults(conn, &site.installation, &shared()).await.unwrap();
    let mut found = [faults.missing, std::mem::take(&mut faults.open)].concat();
    let subject = Subject { path: set.path(), ..tenant.subject() };
    match verify::verify(conn, &subject, &promise).await {
        Ok(()) => {}
        Err(verify::VerifyError::Violated { violations }) => found.extend(violations),
        Err(error) => panic!("{error:?}"),
    }
    found
}

/// What no tenant may do with what it shares.
const REFUSED: &[&str] = &[
    "create table tenantry_extensions.x ()",
    "create function tenantry_extensions.f() returns int language sql as 'select 1'",
    "create or replace function tenantry_extensions.citext_eq(a tenantry_extensions.citext, \
     b tenantry_extensions.citext) returns boolean language sql as 'select true'",
    "alter extension citext set schema acme",
    "drop extension citext",
    "insert into public.countries values ('it', 'Italy')",
    "update public.countries set name = 'x'",
    "delete from public.countries",
    "truncate public.countries",
    "do $$ begin lock table public.countries in access exclusive mode; end $$",
    "alter table public.countries add x int",
    "create table public.x ()",
    "create table acme.x (c text references public.countries (code))",
    "create trigger t after insert on public.countries for each row execute function f()",
];

async fn assert_used_and_not_changed(conn: &mut PgConnection) {
    let path: String = sqlx::query_scalar("show search_path").fetch_one(&mut *conn).await.unwrap();
    assert_eq!(path, "acme, tenantry_extensions, pg_temp");
    execute(conn, "insert into account values ('Ann@A.example', 'de')").await.unwrap();
    let equal = "select count(*) from account where email = 'ann@a.example'";
    assert_eq!(count(conn, equal).await, 1);
    assert_eq!(count(conn, "select count(*) from land where name = 'Germany'").await, 1);
    assert_eq!(
        count(conn, "select count(*) from account where same(email, 'ANN@a.example')").await,
        1
    );
    assert_eq!(count(conn, "select count(*) from public.countries").await, 2);
    let twice = execute(conn, "insert into account values ('ann@a.EXAMPLE', 'de')").await;
    assert_eq!(sqlstate(twice), "23505");
    let nowhere = execute(conn, "insert into account values ('b@b.example', 'xx')").await;
    assert_eq!(sqlstate(nowhere), "23503");
    for sql in REFUSED {
        let state = sqlstate(execute(conn, sql).await);
        assert!(["42501", "3F000", "42P01"].contains(&state.as_str()), "{sql}: {state}");
    }
}

#[tokio::test]
async fn tenants_use_extensions_and_shared_tables_and_change_neither() {
    let site = site().await;
    site.run(COUNTRIES).await;
    let (mut conn, tenant) = (site.db.pool.acquire().await.unwrap(), site.tenant(1, "acme"));
    share(&site, &mut conn, &shared()).await;

    tenant.provision(&mut conn, &set_sharing(FILES, &shared())).await;

    assert_eq!(faults_of(&site, &mut conn, &tenant).await, [""; 0]);
    let mut session = site.connect_as(tenant.role.as_str()).await.unwrap();
    assert_used_and_not_changed(&mut session).await;
    session.close().await.unwrap();
    // functions that the owner makes later are still nobody's
    execute(&mut conn, "create function public.later() returns int language sql as 'select 1'")
        .await
        .unwrap();
    let open = "select count(*) from pg_proc where proname = 'later'
                and has_function_privilege('public', oid, 'execute')";
    assert_eq!(count(&mut conn, open).await, 0);
}

#[tokio::test]
async fn an_owner_without_superuser_rights_does_it_too() {
    let site = site().await;
    site.undo_bootstrap().await;
    site.hand_to_an_owner().await;
    let owner = site.owner();
    site.run(&format!("{COUNTRIES}; grant create on schema public to {owner}")).await;
    let mut conn = site.connect_as(&owner).await.unwrap();
    let lacking = share::lacking(&mut conn, &shared()).await.unwrap().join("\n");
    let grant = format!(
        "grant select, references on public.countries to {owner} with grant option; grant usage on \
         schema public to {owner} with grant option"
    );
    assert!(lacking.contains(&grant), "{lacking}");
    site.run(&grant).await;
    site.run(&format!("alter schema public owner to {owner}")).await;
    bootstrap(&mut conn, &site.installation).await.unwrap();
    share(&site, &mut conn, &shared()).await;
    let tenant = site.tenant(1, "acme");

    tenant.provision(&mut conn, &set_sharing(FILES, &shared())).await;

    assert_eq!(faults_of(&site, &mut conn, &tenant).await, [""; 0]);
    let mut session = site.connect_as(tenant.role.as_str()).await.unwrap();
    assert_used_and_not_changed(&mut session).await;
    session.close().await.unwrap();
    conn.close().await.unwrap();
}

#[tokio::test]
async fn a_superuser_who_acts_for_the_owner_gives_it_what_it_lacks() {
    let site = site().await;
    site.hand_to_an_owner().await;
    let strangers = format!("tn_{}_stranger", site.installation);
    site.run(&format!(
        "create role {strangers}; create schema reference authorization {strangers};
         create table reference.countries (code text primary key);
         alter table reference.countries owner to {strangers};
         grant tn_{}_tenants to {} with admin option",
        site.installation,
        site.owner()
    ))
    .await;
    let mut conn = site.db.pool.acquire().await.unwrap();
    execute(&mut conn, &format!("set role {}", site.owner())).await.unwrap();
    let (extensions, tables) = (vec!["amcheck".to_owned()], vec!["reference.countries".to_owned()]);
    let shared = Shared { extensions, tables };

    share(&site, &mut conn, &shared).await;

    let faults = share::faults(&mut conn, &site.installation, &shared).await.unwrap();
    assert_eq!(faults, share::ShareFaults::default());
    let table = "create table account (country text references reference.countries (code))";
    let set = set_sharing(&[("1_a.sql", table)], &shared);
    site.tenant(1, "acme").provision(&mut conn, &set).await;
    execute(&mut conn, "reset role").await.unwrap();
    let owner: String = sqlx::query_scalar(
        "select pg_get_userbyid(nspowner)::text from pg_namespace where nspname = 'tenantry_extensions'",
    )
    .fetch_one(&mut *conn)
    .await
    .unwrap();
    assert_eq!(owner, site.owner());
    // the extension itself takes its functions from PUBLIC
    let of_extension =
        "select count(*) from pg_proc where pronamespace = 'tenantry_extensions'::regnamespace";
    let open = format!(
        "{of_extension} and has_function_privilege('tn_{}_tenants', oid, 'execute')",
        site.installation
    );
    assert!(count(&mut conn, of_extension).await > 0);
    assert_eq!(count(&mut conn, &open).await, 0);
}

#[tokio::test]
async fn a_moved_extension_can_be_called_and_what_others_could_change_is_told_and_mended() {
    let site = site().await;
    // the own mode has taken from PUBLIC what lies in schema public
    site.run(
        "create extension citext schema public; revoke execute on all routines in schema public from public;
         create schema tenantry_extensions; alter extension citext set schema tenantry_extensions;
         grant create on schema tenantry_extensions to public;
         create table tenantry_extensions.left_there ()",
    )
    .await;
    let shared = Shared { tables: Vec::new(), ..shared() };
    let mut conn = site.db.pool.acquire().await.unwrap();
    let before = share::faults(&mut conn, &site.installation, &shared).await.unwrap();

    share(&site, &mut conn, &shared).await;

    let all = before.open.join("\n");
    assert!(
        all.contains("PUBLIC, and so every tenant, may create in schema tenantry_ext"),
        "{all}"
    );
    assert!(
        all.contains("tenantry_extensions.left_there in schema tenantry_extensions belongs"),
        "{all}"
    );
    assert!(before.missing.iter().any(|it| it.contains("may not use schema")), "{before:?}");
    execute(&mut conn, "drop table tenantry_extensions.left_there").await.unwrap();
    let after = share::faults(&mut conn, &site.installation, &shared).await.unwrap();
    assert_eq!(after, share::ShareFaults::default());
    let closed = format!(
        "select count(*) from pg_proc where pronamespace = 'tenantry_extensions'::regnamespace
             and not has_function_privilege('tn_{}_tenants', oid, 'execute')",
        site.installation
    );
    assert_eq!(count(&mut conn, &closed).await, 0);
}

#[tokio::test]
async fn a_table_that_tenants_may_change_by_their_group_is_told() {
    let site = site().await;
    site.run(COUNTRIES).await;
    let mut conn = site.db.pool.acquire().await.unwrap();
    share(&site, &mut conn, &shared()).await;
    site.run(&format!("grant update on public.countries to tn_{}_tenants", site.installation))
        .await;

    let faults = share::faults(&mut conn, &site.installation, &shared()).await.unwrap();

    assert_eq!(faults.open, ["tenants may change table public.countries"]);
    site.run("drop table public.countries cascade; drop extension citext").await;
    let gone = share::faults(&mut conn, &site.installation, &shared()).await.unwrap();
    assert_eq!(
        gone.missing,
        [
            "extension citext is not in schema tenantry_extensions",
            "there is no table public.countries, which `tenants.shared_tables` lists"
        ]
    );
}

#[tokio::test]
async fn what_tenants_find_beside_a_shared_table_and_what_is_not_listed_any_more_are_told() {
    let site = site().await;
    site.run(COUNTRIES).await;
    let mut conn = site.db.pool.acquire().await.unwrap();
    share(&site, &mut conn, &shared()).await;
    assert_eq!(share::opened(&mut conn, &site.installation, &shared()).await.unwrap(), [""; 0]);
    site.run(
        "create function public.f() returns int language sql as 'select 1';
         grant execute on function public.f() to public;
         create table public.other (); grant select on public.other to public",
    )
    .await;

    let opened = share::opened(&mut conn, &site.installation, &shared()).await.unwrap();

    let told = "tenants may enter schema public for its shared tables, and have what PUBLIC has there: \
                functions (1), tables or sequences (1)";
    assert_eq!(opened, [told]);
    assert_eq!(share::unlisted(&mut conn, &shared()).await.unwrap(), [""; 0]);
    assert_eq!(share::unlisted(&mut conn, &Shared::default()).await.unwrap(), ["citext"]);
    let none = Shared::default();
    let kept = share::opened(&mut conn, &site.installation, &none).await.unwrap();
    let group = format!("tn_{}_tenants", site.installation);
    let revoke = format!("revoke select on public.countries from {group}");
    let told = format!(
        "tenants may read public.countries, and `tenants.shared_tables` does not list it: if no tenant \
         uses it, run `{revoke}`"
    );
    assert_eq!(kept, [told]);
    site.run(&revoke).await;
    assert_eq!(share::opened(&mut conn, &site.installation, &none).await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn a_role_follows_the_list_and_a_set_is_another_with_it() {
    let site = site().await;
    let tenant = site.provisioned(1, "acme").await;
    let mut conn = site.db.pool.acquire().await.unwrap();
    let with = shared().path();
    let path = "select count(*) from pg_roles
                where rolconfig = array['search_path=acme, tenantry_extensions, pg_temp']";

    let first = role::follow_path(&mut conn, &tenant.role, &tenant.schema, with).await.unwrap();
    let second = role::follow_path(&mut conn, &tenant.role, &tenant.schema, with).await.unwrap();

    assert_eq!((first, second, count(&mut conn, path).await), (true, false, 1));
    let back = role::follow_path(&mut conn, &tenant.role, &tenant.schema, TenantPath::ALONE).await;
    assert_eq!((back.unwrap(), count(&mut conn, path).await), (true, 0));
    let embedded = MigrationSet::embedded();
    let (nothing, tables) = (Shared::default(), Shared { extensions: Vec::new(), ..shared() });
    let hashes = [embedded.clone().sharing(&shared()), embedded.clone().sharing(&tables)];
    assert_eq!(embedded.clone().sharing(&nothing).hash(), embedded.hash());
    assert!(hashes.iter().all(|set| set.hash() != embedded.hash()));
    assert_ne!(hashes[0].hash(), hashes[1].hash());
}

#[tokio::test]
async fn a_spare_with_extensions_becomes_a_tenant_and_is_as_promised() {
    let site = site().await;
    site.run(COUNTRIES).await;
    let mut conn = site.db.pool.acquire().await.unwrap();
    share(&site, &mut conn, &shared()).await;
    let (set, id) = (set_sharing(FILES, &shared()), domain::TenantId::new(900));
    let promise = Promise::learn(&mut conn, &set).await.unwrap();
    assert_eq!(promise.no_spares(), None);
    let (spare, tenant) = (site.tenant(900, "x"), site.tenant(1, "acme"));
    let name = domain::SchemaName::of_spare(id);
    let made = [Subject { schema: &name, path: set.path(), ..spare.subject() }];
    newcomers::create_roles(&mut conn, &made, CONNECTIONS).await.unwrap();
    newcomers::create_schemas(&mut conn, &made).await.unwrap();
    let mut tx = conn.begin().await.unwrap();
    newcomers::migrate(&mut tx, &made, &set).await.unwrap();
    tx.commit().await.unwrap();
    newcomers::grant(&mut conn, &made, &promise).await.unwrap();
    let adopted = Subject { path: set.path(), ..tenant.subject() };

    newcomers::adopt(&mut conn, &site.installation, &[(id, adopted.clone())]).await.unwrap();

    verify::verify_adopted(&mut conn, &[adopted]).await.unwrap();
    assert!(verify::verify_adopted(&mut conn, &[tenant.subject()]).await.is_err());
    assert_eq!(faults_of(&site, &mut conn, &tenant).await, [""; 0]);
}

#[tokio::test]
async fn a_tenant_whose_table_references_a_shared_one_is_dropped_and_waits_no_longer_than_it_may() {
    let site = site().await;
    site.run(COUNTRIES).await;
    let mut conn = site.db.pool.acquire().await.unwrap();
    share(&site, &mut conn, &shared()).await;
    let tenant = site.tenant(1, "acme");
    tenant.provision(&mut conn, &set_sharing(FILES, &shared())).await;
    let triggers = "select count(*) from pg_trigger where tgrelid = 'public.countries'::regclass";
    assert_eq!(count(&mut conn, triggers).await, 2);
    let mut reader = site.begin().await;
    execute(&mut reader, "select from public.countries").await.unwrap();

    execute(&mut conn, "set lock_timeout = '100ms'").await.unwrap();
    let held = schema::drop_owned(&mut conn, &tenant.schema, &tenant.mark).await;

    assert_eq!(sqlstate(held), "55P03");
    reader.rollback().await.unwrap();
    assert!(schema::drop_owned(&mut conn, &tenant.schema, &tenant.mark).await.unwrap());
    assert!(role::drop_owned(&mut conn, &tenant.role, &tenant.mark).await.unwrap());
    assert_eq!(count(&mut conn, triggers).await, 0);
    let owner = schema::owner(&mut conn, &tenant.schema).await.unwrap();
    assert_eq!(owner, tenantdb::Owner::Nobody);
}

#[tokio::test]
async fn a_trial_takes_what_is_shared_for_no_change_outside() {
    let site = site().await;
    let mut conn = site.db.pool.acquire().await.unwrap();
    execute(&mut conn, COUNTRIES).await.unwrap();
    share(&site, &mut conn, &shared()).await;
    let back = "drop function same(citext, citext); drop view land; drop table account;";
    let set = set_sharing(&[("1_a.up.sql", FILES[0].1), ("1_a.down.sql", back)], &shared());

    let trial = trial::run(&mut conn, &site.installation, &set, &AtomicBool::new(false)).await;

    let trial = trial.unwrap();
    assert!(trial.faults().next().is_none(), "{trial:?}");
    assert!(trial.without_down.is_empty());
}
