//! A set tried out on scratch tenants: what is wrong with it is named, and nothing of it stays.

use std::sync::atomic::AtomicBool;

use sqlx::PgConnection;
use tenantdb::trial::{self, Trial, TrialError};
use tenantdb::{MigrationSet, role, schema};

use crate::makers::owned;
use crate::support::{Site, count, execute, set_of, site};

/// Everything that a trial could leave.
const LEFT: &str = "select
    (select count(*) from pg_namespace where nspname ~ '^tn_promise_')
    + (select count(*) from pg_roles r join pg_shdescription d on d.objoid = r.oid
       where d.description ~ ('^tenantry:' || (select id from tenantry.installation) || ':scratch:'))
    + (select count(*) from pg_extension where extname = 'citext')
    + (select count(*) from pg_depend where refclassid = 'pg_namespace'::regclass
       and refobjid = 'public'::regnamespace and classid <> 'pg_extension'::regclass)";

/// Tries the set, and holds that nothing is left of it.
async fn tried(site: &Site, set: &MigrationSet) -> Trial {
    let mut conn = site.db.pool.acquire().await.unwrap();
    let before = count(&mut conn, LEFT).await;
    let trial = run(&mut conn, site, set).await.unwrap();
    assert_eq!(count(&mut conn, LEFT).await, before, "{trial:?}");
    trial
}

async fn run(
    conn: &mut PgConnection,
    site: &Site,
    set: &MigrationSet,
) -> Result<Trial, TrialError> {
    trial::run(conn, &site.installation, set, &AtomicBool::new(false)).await
}

/// The faults, each as `pass: file: message [code]`, with what the server said.
fn told(trial: &Trial) -> Vec<String> {
    let of = |pass: &trial::Pass| {
        let faults = pass.faults.iter().flatten();
        let because = |fault: &trial::Fault| {
            fault.source.as_ref().map(|source| format!(" {source}")).unwrap_or_default()
        };
        faults.map(|fault| format!("{}: {fault}{}", pass.name, because(fault))).collect::<Vec<_>>()
    };
    trial.passes.iter().flat_map(of).collect()
}

/// Runs the statement from a text that lint does not read.
fn hidden(statement: &str) -> String {
    let code = hex::encode(statement);
    format!("do $$ begin execute convert_from(decode('{code}', 'hex'), 'utf8'); end $$;")
}

/// The id of a spare.
const SPARE: i64 = 1 << 52;

#[tokio::test]
async fn a_database_with_tenants_is_refused() {
    let site = site().await;
    site.provisioned(1, "acme").await;
    let mut conn = site.db.pool.acquire().await.unwrap();

    let refused = run(&mut conn, &site, &MigrationSet::embedded()).await;

    assert!(matches!(refused, Err(TrialError::HasTenants)), "{refused:?}");
    assert_eq!(count(&mut conn, LEFT).await, 0);
}

/// The one fault.
fn the_fault(trial: &Trial) -> String {
    let told = told(trial);
    assert_eq!(told.len(), 1, "{told:#?}");
    told.into_iter().next().unwrap()
}

#[tokio::test]
async fn a_sound_set_has_no_faults() {
    let site = site().await;
    let moods = set_of(&[
        ("1_a.up.sql", "create type mood as enum ('a'); create table a (id int);"),
        ("1_a.down.sql", "drop table a; drop type mood;"),
        ("2_b.sql", "alter type mood add value 'b';"),
        ("3_c.up.sql", "create table t (m mood default 'b'); insert into t default values;"),
        ("3_c.down.sql", "drop table t;"),
        ("4_d.up.sql", "-- no-transaction\ncreate index concurrently i on a (id);\nvacuum a;"),
        ("4_d.down.sql", "-- no-transaction\ndrop index concurrently i;"),
        ("5_e.up.sql", "alter table a add code text unique, add other int;"),
        ("5_e.down.sql", "alter table a drop code, drop other;"),
        (
            "6_f.up.sql",
            "create function f() returns int language sql as 'select 1'; create view v as select f();",
        ),
        ("6_f.down.sql", "drop view v; drop function f;"),
    ]);

    for (set, without_down) in [(MigrationSet::embedded(), vec![]), (moods, vec!["2_b.sql"])] {
        let trial = tried(&site, &set).await;

        assert_eq!(told(&trial), [""; 0]);
        assert!(trial.passes.iter().all(|pass| pass.faults.is_some()));
        assert_eq!(trial.without_down, without_down);
    }
}

#[tokio::test]
async fn an_extension_in_the_first_tenants_schema_is_named() {
    let site = site().await;
    let set = set_of(&[
        ("1_a.sql", "create table a (id int);"),
        ("2_b.sql", &hidden("create extension if not exists citext")),
        ("3_c.sql", "create table c (name citext);"),
    ]);

    let trial = tried(&site, &set).await;

    let fault = the_fault(&trial);
    assert!(fault.starts_with("side_by_side: 2_b.sql: creates extension citext: "), "{fault}");
    assert!(fault.contains("list it in `tenants.extensions`"), "{fault}");
    assert!(fault.ends_with("[changes_outside]"), "{fault}");
    assert!(trial.passes[1].faults.is_none() && trial.passes[2].faults.is_none());
}

#[tokio::test]
async fn an_existence_check_that_sees_the_neighbour_is_named_with_its_file() {
    let site = site().await;
    for check in [
        "from information_schema.tables where table_name = 'orders'",
        "from pg_catalog.pg_class where relname = 'orders'",
    ] {
        let text = format!(
            "do $$ begin if not exists (select {check}) then create table orders (id int primary key); end if; end $$;"
        );
        let set = set_of(&[("1_a.sql", "create table a ();"), ("2_orders.sql", &text)]);

        let trial = tried(&site, &set).await;

        let told = told(&trial);
        let first = "side_by_side: 2_orders.sql: makes something else in a second tenant: table orders is in \
                     the first tenant only; a statement asks the whole database";
        assert!(told[0].starts_with(first), "{told:#?}");
        assert!(told[0].contains("`current_schema()`"), "{told:#?}");
        let at_once = "one_after_the_other: all files: make something else of a new tenant than of one that \
                       gets them one by one: table orders is missing there";
        assert!(told[1].starts_with(at_once), "{told:#?}");
    }
}

#[tokio::test]
async fn a_check_in_the_own_schema_is_no_fault() {
    let site = site().await;
    let set = set_of(&[(
        "1_a.sql",
        "create table if not exists a ();
         do $$ begin if to_regclass('b') is null then create table b (); end if; end $$;",
    )]);

    assert_eq!(told(&tried(&site, &set).await), [""; 0]);
}

#[tokio::test]
async fn a_file_that_does_not_run_is_named() {
    let site = site().await;
    let set = set_of(&[("1_a.sql", "create table a ();"), ("2_b.sql", "\nselect id from gone;")]);

    let fault = the_fault(&tried(&site, &set).await);

    let expected = "side_by_side: 2_b.sql: does not run in a tenant that has the files before it [does_not_run] \
                    migration 2 (2_b.sql, line 2) failed";
    assert_eq!(fault, expected);
}

#[tokio::test]
async fn what_runs_one_by_one_and_not_at_once_is_named() {
    let site = site().await;
    let set = set_of(&[
        ("1_a.sql", "create table a ();"),
        (
            "2_b.sql",
            "do $$ begin
                 if (select xmin <> pg_current_xact_id()::xid from pg_catalog.pg_class
                     where oid = to_regclass('a')) then create table b (); end if;
             end $$;",
        ),
    ]);

    let fault = the_fault(&tried(&site, &set).await);

    assert!(fault.starts_with("one_after_the_other: all files: "), "{fault}");
    assert!(fault.contains("table b is missing there; "), "{fault}");
}

#[tokio::test]
async fn a_way_back_that_does_not_run_is_named() {
    let site = site().await;
    let set = set_of(&[
        ("1_a.up.sql", "create table a ();"),
        ("1_a.down.sql", "drop table a;"),
        ("2_b.up.sql", "create table b ();"),
        ("2_b.down.sql", "drop table bb;"),
    ]);

    let fault = the_fault(&tried(&site, &set).await);

    let expected = "up_down_up: 2_b.down.sql: does not run, so no tenant can be taken back \
                    [down_does_not_run] migration 2 (2_b.down.sql) failed";
    assert_eq!(fault, expected);
}

#[tokio::test]
async fn what_a_way_back_does_not_bring_back_is_named_object_by_object() {
    let site = site().await;
    let set = set_of(&[
        (
            "1_a.up.sql",
            "create table a (id int not null, name text default 'x'); create index i on a (id);",
        ),
        ("1_a.down.sql", "drop table a;"),
        (
            "2_b.up.sql",
            "create table b (); create function c(t text) returns text language sql as 'select t'; alter table a alter name drop default;",
        ),
        ("2_b.down.sql", "drop table b; drop index i;"),
        ("3_d.sql", "create table d ();"),
    ]);

    let fault = the_fault(&tried(&site, &set).await);

    let expected = "up_down_up: 2_b.down.sql: does not bring back what was there before 2_b.up.sql: \
                    column a.name has another definition (put the old definition back there), \
                    index a.i is gone (create it again there), function c(text) is left (drop it there) [down_differs]";
    assert_eq!(fault, expected);
}

#[tokio::test]
async fn a_section_that_goes_back_is_held_against_that_which_goes_forward() {
    let site = site().await;
    let text = "-- +goose Up\ncreate type mood as enum ('a');\n-- +goose Down\nselect 1;\n";

    let fault = the_fault(&tried(&site, &set_of(&[("00001_a.sql", text)])).await);

    let expected = "up_down_up: 00001_a.sql: does not bring back what was there before the way forward: \
                    type mood is left (drop it there) [down_differs]";
    assert_eq!(fault, expected);
}

#[tokio::test]
async fn what_is_another_one_after_down_and_up_is_named() {
    let site = site().await;
    let set = set_of(&[
        ("1_log.sql", "create table log ();"),
        (
            "2_a.up.sql",
            "do $$ begin
                 if exists (select from log) then create table a (id bigint); else create table a (id int); end if;
             end $$;
             insert into log default values;",
        ),
        ("2_a.down.sql", "drop table a;"),
    ]);

    let fault = the_fault(&tried(&site, &set).await);

    let expected = "up_down_up: 2_a.up.sql: makes something else after its way back: column a.id has another definition now; ";
    assert!(fault.starts_with(expected), "{fault}");
}

#[tokio::test]
async fn a_file_without_a_way_back_hides_none_below_it() {
    let site = site().await;
    let set = set_of(&[
        ("1_a.up.sql", "create table a ();"),
        ("1_a.down.sql", "select 1;"),
        ("2_b.sql", "create table b ();"),
    ]);

    let trial = tried(&site, &set).await;

    let fault = the_fault(&trial);
    assert!(
        fault.contains("1_a.down.sql: does not bring back") && fault.contains("table a is left"),
        "{fault}"
    );
    assert_eq!(trial.without_down, ["2_b.sql"]);
}

#[tokio::test]
async fn what_a_file_does_outside_its_schema_is_named_and_taken_back() {
    let site = site().await;
    site.provisioned(SPARE, "acme").await;
    let stranger = format!("x_{}", site.installation);
    let database: String =
        sqlx::query_scalar("select current_database()").fetch_one(&site.db.pool).await.unwrap();
    site.run(&format!("create role {stranger}; create table public.old (id int)")).await;
    let role_set = format!("alter role {stranger} set work_mem = '1MB'");
    let database_set = format!("alter database \"{database}\" set work_mem = '1MB'");
    for (statement, told) in [
        ("create table public.t (id int)", "creates table public.t"),
        ("drop table public.old", "drops table public.old"),
        ("insert into public.old values (1)", "changes table public.old"),
        ("grant select on public.old to public", "changes table public.old"),
        (
            "create function public.f() returns int language sql as 'select 1'",
            "creates function public.f()",
        ),
        ("create table acme.t ()", "changes table acme.t of another tenant"),
        ("alter table acme.person add x int", "changes table acme.person of another tenant"),
        ("create schema s", "creates schema s"),
        (&role_set, "changes role x_"),
        (&database_set, "changes settings of database "),
    ] {
        let set = set_of(&[("1_a.sql", &hidden(statement))]);

        let fault = the_fault(&tried(&site, &set).await);

        assert!(fault.starts_with(&format!("side_by_side: 1_a.sql: {told}")), "{fault}");
        assert!(fault.ends_with("name them without a schema [changes_outside]"), "{fault}");
    }
    site.run(&format!("drop role {stranger}")).await;
}

#[tokio::test]
async fn an_owner_that_is_no_superuser_can_try_a_set() {
    let site = site().await;
    let mut conn = owned(&site).await;

    let trial = run(&mut conn, &site, &MigrationSet::embedded()).await.unwrap();

    assert_eq!(told(&trial), [""; 0]);
    assert_eq!(count(&mut conn, LEFT).await, 0);
}

#[tokio::test]
async fn a_trial_that_is_stopped_leaves_nothing() {
    let site = site().await;
    let mut conn = site.db.pool.acquire().await.unwrap();

    let stopped = trial::run(
        &mut conn,
        &site.installation,
        &MigrationSet::embedded(),
        &AtomicBool::new(true),
    )
    .await;

    assert!(matches!(stopped, Err(TrialError::Stopped)), "{stopped:?}");
    assert_eq!(count(&mut conn, LEFT).await, 0);
}

#[tokio::test]
async fn the_tenants_of_a_trial_that_was_killed_are_dropped_by_the_next_and_no_others() {
    let site = site().await;
    let mut conn = site.db.pool.acquire().await.unwrap();
    let tenant = site.provisioned(SPARE, "acme").await;
    let (id, gone) = (site.installation.as_str(), 2_000_000_000);
    let role = format!("tn_{id}_4611686018427387905");
    let theirs = format!("tn_{id}_4611686018427387906");
    execute(
        &mut conn,
        &format!(
            "create schema tn_promise_gone; create role {role}; create role {theirs};
             create table tn_promise_gone.a (); grant select on tn_promise_gone.a to {role};
             comment on schema tn_promise_gone is 'tenantry:{id}:scratch:{gone}';
             comment on role {role} is 'tenantry:{id}:scratch:{gone}';
             comment on role {theirs} is 'tenantry:ffffffff:scratch:{gone}'"
        ),
    )
    .await
    .unwrap();

    run(&mut conn, &site, &MigrationSet::embedded()).await.unwrap();

    assert_eq!(count(&mut conn, LEFT).await, 0);
    assert!(schema::owner(&mut conn, &tenant.schema).await.unwrap().is(&tenant.mark));
    assert!(role::owner(&mut conn, &tenant.role).await.unwrap().is(&tenant.mark));
    let stays = format!("select count(*) from pg_roles where rolname = '{theirs}'");
    assert_eq!(count(&mut conn, &stays).await, 1);
    execute(&mut conn, &format!("drop role {theirs}")).await.unwrap();
}
