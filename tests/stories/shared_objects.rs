//! Extensions and tables that the settings list for all tenants, from the first command to a list that
//! is another one.

use std::{fs, str::FromStr as _, time::Duration};

use sqlx::{ConnectOptions as _, postgres::PgConnectOptions};
use tempfile::TempDir;

use super::support::{System, environment, eventually, run, tenant, tenants};

/// How long a worker may take to refuse, or the pool to be full.
const ENDS_IN: Duration = Duration::from_secs(60);

const EXTENSIONS: &str = "TENANTRY__TENANTS__EXTENSIONS";
const TABLES: (&str, &str) = ("TENANTRY__TENANTS__SHARED_TABLES", "public.countries");
const QUICK: (&str, &str) = ("TENANTRY__WORKER__SWEEP_MS", "300");
const SIZE: (&str, &str) = ("TENANTRY__POOL__SIZE", "3");

/// How a dump begins, and what uses it.
const USES_BOTH: &str = "CREATE EXTENSION IF NOT EXISTS citext WITH SCHEMA public;
COMMENT ON EXTENSION citext IS 'data type for case-insensitive character strings';
create table account (email citext primary key, country text references public.countries (code));
create view land as select a.email, c.name from account a join public.countries c on c.code = a.country;
";

fn folder() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("0001_account.sql"), USES_BOTH).unwrap();
    dir
}

async fn execute(system: &System, sql: &'static str) {
    sqlx::raw_sql(sql).execute(&system.db.pool).await.unwrap();
}

async fn succeeds(system: &System, args: &[&str]) -> String {
    let ran = system.cli(args).await;
    assert_eq!(ran.code, Some(0), "{args:?}\n{}\n{}", ran.out, ran.err);
    ran.out
}

async fn is_refused(system: &System, name: &str, part: &str) {
    let mut worker = system.spawn_worker(name, &[]);
    eventually("the worker to say what is missing", ENDS_IN, async || {
        let log = worker.log();
        (log.contains(part) && log.contains("tenantry migrate public up")).then_some(())
    })
    .await;
    worker.terminate(ENDS_IN).await;
}

async fn pool_is_full(system: &System) {
    eventually("the pool to be full", ENDS_IN, async || {
        let ready = "select count(*) from tenantry.spares
            where stamp = (select stamp from tenantry.spares order by built_at desc limit 1)";
        (system.count(ready).await == 3).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_dump_with_an_extension_and_a_shared_table_runs_and_a_longer_list_is_followed() {
    let dir = folder();
    let path = dir.path().to_str().unwrap();
    let settings = [("TENANT_MIGRATIONS_DIR", path), (EXTENSIONS, "citext"), TABLES, QUICK, SIZE];
    let mut system = System::configured(0, &settings).await;
    execute(
        &system,
        "create table public.countries (code text primary key, name text);
         insert into public.countries values ('de', 'Germany')",
    )
    .await;
    is_refused(&system, "too-early", "extension citext is not in schema tenantry_extensions").await;
    succeeds(&system, &["migrate", "lint", path]).await;
    succeeds(&system, &["migrate", "public", "up"]).await;
    succeeds(&system, &["migrate", "tenant", "check"]).await;

    system.add_worker(&[]).await;
    pool_is_full(&system).await;
    let made = system.provision(tenants(6)).await;

    let role = "select role_name from tenantry.tenants where id = 1";
    let role: String = sqlx::query_scalar(role).fetch_one(&system.db.pool).await.unwrap();
    let login = PgConnectOptions::from_str(&system.db.url).unwrap().username(&role);
    let mut tenant_session = login.connect().await.unwrap();
    sqlx::raw_sql("insert into account values ('Ann@A.example', 'de')")
        .execute(&mut tenant_session)
        .await
        .unwrap();
    let found: String = sqlx::query_scalar("select name from land where email = 'ann@a.EXAMPLE'")
        .fetch_one(&mut tenant_session)
        .await
        .unwrap();
    let taken = made.iter().filter(|it| it["steps"].to_string().contains("take_spare")).count();
    assert_eq!((made.len(), found.as_str()), (6, "Germany"));
    assert!(taken > 0, "none of 6 got one of 3 spares");
    succeeds(&system, &["doctor", "--all-tenants"]).await;

    system.workers.remove(0).terminate(ENDS_IN).await;
    system.env.insert(EXTENSIONS.to_owned(), "citext,pg_trgm".to_owned());
    is_refused(&system, "longer", "extension pg_trgm is not in schema tenantry_extensions").await;
    succeeds(&system, &["migrate", "public", "up"]).await;
    system.add_worker(&[]).await;
    execute(&system, "update tenantry.spares set built_at = built_at - interval '1 hour'").await;
    eventually("the spares of the shorter list to be dropped", ENDS_IN, async || {
        let stamps = system.count("select count(distinct stamp) from tenantry.spares").await;
        let old =
            "select count(*) from tenantry.spares where built_at < now() - interval '30 minutes'";
        (stamps == 1 && system.count(old).await == 0).then_some(())
    })
    .await;
    system.provision(vec![tenant(10), tenant(11)]).await;
    succeeds(&system, &["doctor", "--all-tenants"]).await;

    system.env.insert(EXTENSIONS.to_owned(), "citext".to_owned());
    let shorter = succeeds(&system, &["migrate", "public", "up"]).await;
    assert!(shorter.contains("extension pg_trgm is in schema tenantry_extensions"), "{shorter}");
    assert_eq!(
        system.count("select count(*) from pg_extension where extname = 'pg_trgm'").await,
        1
    );
}

#[tokio::test]
async fn roles_of_tenants_that_were_there_before_follow_the_first_extension() {
    let mut system = System::configured(1, &[]).await;
    system.provision(tenants(3)).await;
    system.workers.remove(0).terminate(ENDS_IN).await;
    system.env.insert(EXTENSIONS.to_owned(), "citext".to_owned());
    let early = system.cli(&["migrate", "tenant", "up", "--all"]).await;
    assert!(early.code == Some(1) && early.err.contains("tenantry migrate public up"), "{early:?}");
    succeeds(&system, &["migrate", "public", "up"]).await;
    let behind = system.cli(&["doctor"]).await;

    let fixed = succeeds(&system, &["doctor", "--fix", "shape_differs"]).await;
    execute(
        &system,
        "do $$ begin execute (select format('alter role %I set search_path to %I, pg_temp',
        role_name, schema_name) from tenantry.tenants where id = 2); end $$",
    )
    .await;
    let up = succeeds(&system, &["migrate", "tenant", "up", "--all"]).await;

    assert_eq!(behind.code, Some(1), "{}", behind.out);
    assert!(
        behind.out.contains("the role's search_path is not as the settings want it"),
        "{}",
        behind.out
    );
    assert!(fixed.contains("shape_differs: repaired 3, refused 0"), "{fixed}");
    assert!(
        up.contains("changed its search path") && up.contains("1 migrated, 2 up to date"),
        "{up}"
    );
    succeeds(&system, &["doctor", "--all-tenants"]).await;
    let followed =
        "select count(*) from pg_roles r join tenantry.tenants t on t.role_name = r.rolname
        where r.rolconfig[1] like '%, tenantry_extensions, pg_temp'";
    assert_eq!(system.count(followed).await, 3);
    system.add_worker(&[]).await;
    system.provision(vec![tenant(5)]).await;
    assert_eq!(system.count(followed).await, 4);
}

#[tokio::test]
async fn an_extension_that_the_queue_needs_too_goes_where_tenants_find_it() {
    let db = harness::empty_db().await;
    let dir = tempfile::tempdir().unwrap();
    fs::write(
        dir.path().join("0001_a.sql"),
        "create table a (tags hstore, hash bytea default digest('a', 'sha256'));",
    )
    .unwrap();
    let path = dir.path().to_str().unwrap();
    let settings = [(EXTENSIONS, "hstore,pgcrypto"), ("TENANT_MIGRATIONS_DIR", path), QUICK, SIZE];
    let env = environment(&db.url, &settings);
    let up = run("tenantry", &["migrate", "public", "up"], dir.path(), &env, ENDS_IN).await;
    assert_eq!(up.code, Some(0), "{}", up.err);

    let url = db.url.clone();
    let system = System::on(db, &url, 1, &settings).await;
    system.provision(tenants(4)).await;

    let there = "select count(*) from pg_extension e join pg_namespace n on n.oid = e.extnamespace
        where n.nspname = 'tenantry_extensions'";
    assert_eq!(system.count(there).await, 2);
    succeeds(&system, &["migrate", "public", "up"]).await;
    succeeds(&system, &["doctor", "--all-tenants"]).await;
}

#[tokio::test]
async fn what_cannot_be_shared_is_refused_before_anything_is_made() {
    let mut system = System::start(0).await;
    execute(&system, "create schema other; create extension citext schema other").await;
    system.env.insert(EXTENSIONS.to_owned(), "citext, no_such".to_owned());
    system.env.insert(TABLES.0.to_owned(), "public.nowhere".to_owned());

    let refused = system.cli(&["migrate", "public", "up"]).await;

    assert_eq!(refused.code, Some(1), "{}", refused.out);
    for part in [
        "alter extension citext set schema tenantry_extensions",
        "does not have the extension no_such",
        "there is no table public.nowhere",
        "nothing was changed",
    ] {
        assert!(refused.err.contains(part), "{part}: {}", refused.err);
    }
    let made = "select count(*) from pg_namespace where nspname = 'tenantry_extensions'";
    assert_eq!(system.count(made).await, 0);
    system.env.insert(EXTENSIONS.to_owned(), "cit ext".to_owned());
    let invalid = system.cli(&["migrate", "public", "up"]).await;
    assert!(invalid.code == Some(1) && invalid.err.contains(EXTENSIONS), "{}", invalid.err);
}
