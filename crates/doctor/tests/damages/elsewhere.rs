//! Rights that a tenant's role has by name outside its schema, in a database of Tenantry's own and in a
//! shared one.

use std::{iter::once, str::FromStr};

use doctor::{Finding, Kind, Report};
use sqlx::{ConnectOptions, PgConnection, postgres::PgConnectOptions};

use super::{
    SOUND, kinds_of,
    world::{World, scope},
};

/// What somebody does for a tenant's role, and what doctor says that it has.
const GRANTS: &[(&str, &str)] = &[
    (
        "do $$ begin execute format('grant create on database %I to ROLE', current_database()); end $$",
        "the role has CREATE on database ",
    ),
    (
        "do $$ begin execute format('grant connect on database %I to ROLE', current_database()); end $$",
        "the role has CONNECT on database ",
    ),
    (
        "create table public.leak_ID (x int); grant select, delete on public.leak_ID to ROLE",
        "the role has SELECT, DELETE on table public.leak_ID",
    ),
    (
        "create view public.leak_ID as select 1 as x; grant select on public.leak_ID to ROLE",
        "the role has SELECT on view public.leak_ID",
    ),
    (
        "create table public.leak_ID (x int, \"Y z\" int);
         grant select (x, \"Y z\"), insert (x) on public.leak_ID to ROLE",
        "on table column public.leak_ID.\"Y z\"",
    ),
    (
        "create sequence tenantry.leak_ID; grant usage on sequence tenantry.leak_ID to ROLE",
        "the role has USAGE on sequence tenantry.leak_ID",
    ),
    (
        "create function public.leak_ID(int) returns int language sql as 'select 1';
         grant execute on function public.leak_ID to ROLE with grant option",
        "the role has EXECUTE on function public.leak_ID(integer)",
    ),
    (
        "create procedure public.leak_ID(int) language sql as 'select 1';
         grant execute on procedure public.leak_ID to ROLE",
        "the role has EXECUTE on procedure public.leak_ID(",
    ),
    (
        "create aggregate public.leak_ID(int) (sfunc = int4pl, stype = int);
         grant execute on function public.leak_ID to ROLE",
        "the role has EXECUTE on aggregate public.leak_ID(integer)",
    ),
    (
        "create type public.leak_ID as enum ('x'); grant usage on type public.leak_ID to ROLE",
        "the role has USAGE on type public.leak_ID",
    ),
    (
        "create domain public.leak_ID as int; grant usage on domain public.leak_ID to ROLE",
        "the role has USAGE on type public.leak_ID",
    ),
    (
        "create schema \"Leak ID\"; grant usage on schema \"Leak ID\" to ROLE",
        "the role has USAGE on schema \"Leak ID\"",
    ),
    (
        "create foreign data wrapper leak_ID; grant usage on foreign data wrapper leak_ID to ROLE",
        "the role has USAGE on foreign-data wrapper leak_ID",
    ),
    (
        "create foreign data wrapper leak_ID; create server leak_ID foreign data wrapper leak_ID;
         grant usage on foreign server leak_ID to ROLE",
        "the role has USAGE on server leak_ID",
    ),
    ("grant usage on language plpgsql to ROLE", "the role has USAGE on language plpgsql"),
    ("grant set on parameter leak_US.x to ROLE", "the role has SET on parameter leak_US.x"),
    (
        "grant create on tablespace pg_default to ROLE",
        "the role has CREATE on tablespace pg_default",
    ),
    (
        "do $$ begin perform lo_create(700000 + ID);
             execute format('grant select on large object %s to ROLE', 700000 + ID); end $$",
        "the role has SELECT on large object 7000",
    ),
    ("grant usage on schema tenantry to ROLE", "the role has USAGE on schema tenantry"),
    ("grant create on schema public to ROLE", "the role has CREATE on schema public"),
    (
        "alter default privileges grant select on tables to ROLE",
        "the role has SELECT by default privileges for role ",
    ),
    (
        "alter default privileges in schema tenantry grant execute on functions to ROLE",
        "in schema tenantry on functions",
    ),
];

/// What belongs to a role outside its schema: somebody's data, which doctor tells and leaves alone.
const OWNED: &[(&str, &str)] = &[
    (
        "create table public.kept_ID (x int); alter table public.kept_ID owner to ROLE",
        "table public.kept_ID belongs to the role",
    ),
    ("create schema kept_ID authorization ROLE", "schema kept_ID belongs to the role"),
    (
        "create collation public.kept_ID from \"C\"; alter collation public.kept_ID owner to ROLE",
        "collation public.kept_ID belongs to the role",
    ),
];

const SHARED: &str = "
    update tenantry.installation set mode = 'shared';
    grant usage on schema public to public;
    do $$ begin execute format('grant connect, temporary on database %I to public',
        current_database()); end $$;
    do $$ begin execute (select format('grant execute on function %s to public',
        string_agg(oid::regprocedure::text, ', ')) from pg_proc
        where pronamespace = 'pg_catalog'::regnamespace and proname ~ '^lo_'); end $$;";

fn sentence_of(report: &Report, tenant: i64) -> String {
    let of_it =
        report.findings.iter().filter(|f| f.sentence.starts_with(&format!("tenant {tenant}:")));
    of_it.map(|f| f.sentence.clone()).collect::<Vec<_>>().join("\n")
}

fn told(report: &Report) -> Vec<&str> {
    let of_tenants = report.findings.iter().filter(|f| f.kind != Kind::DatabaseShared);
    of_tenants.map(|f| f.sentence.as_str()).collect()
}

async fn all_are_told_and_taken_back(shared: bool) {
    let all = || GRANTS.iter().chain(OWNED);
    let world = World::of(SOUND + i64::try_from(all().count()).unwrap(), 0).await;
    if shared {
        world.plant(1, SHARED).await;
    }
    for (id, (sql, _)) in (SOUND + 1..).zip(all()) {
        world.plant(id, sql).await;
    }

    let seen = world.examine().await;
    let fixed = doctor::fix(&world.db.pool, Kind::ShapeDiffers, &scope(), "cli:doctor").await;
    let left = world.examine().await;

    for (id, (sql, words)) in (SOUND + 1..).zip(all()) {
        let words = words
            .replace("ID", &id.to_string())
            .replace("leak_US", &format!("leak_{}", world.installation));
        let sentence = sentence_of(&seen, id);
        assert!(sentence.contains(&words), "{sql}: {sentence}");
        assert_eq!(sentence.lines().count(), 1, "{sql}: {sentence}");
    }
    let fixed = fixed.unwrap();
    assert_eq!((fixed.done.len(), fixed.refused.len()), (GRANTS.len(), OWNED.len()), "{fixed:#?}");
    assert_eq!(told(&left).len(), OWNED.len(), "{:#?}", told(&left));
}

#[tokio::test]
async fn what_a_role_has_outside_its_schema_is_told_and_rights_are_taken_back() {
    // one after the other: both give rights on what the whole server has
    for shared in [false, true] {
        all_are_told_and_taken_back(shared).await;
    }
}

/// A session of a tenant.
async fn tenant(world: &World, id: i64) -> PgConnection {
    let options = PgConnectOptions::from_str(&world.db.url).unwrap();
    options.username(world.role(id).as_str()).connect().await.unwrap()
}

#[tokio::test]
async fn what_a_tenant_makes_by_itself_in_a_shared_database_is_nobodys_trouble() {
    let world = World::of(3, 2).await;
    world.plant(1, SHARED).await;
    world
        .plant(1, "create schema playground; grant usage, create on schema playground to public")
        .await;
    let mut session = tenant(&world, 1).await;
    let other = world.role(2);

    let text = format!(
        "create temporary table t (x int);
         grant select on t to {other};
         select lo_create(700001);
         grant select on large object 700001 to {other};
         create table playground.t (x int);
         alter default privileges grant select on tables to {other}"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(&mut session).await.unwrap();
    let report = world.examine().await;

    assert_eq!(told(&report), [""; 0]);
    assert!(report.is_clean());
}

#[tokio::test]
async fn a_hundred_roles_with_rights_elsewhere_are_each_told_once() {
    let world = World::of(100, 0).await;
    world
        .plant(
            1,
            "create table public.leak (x int);
             do $$ declare tenant text; begin
                 for tenant in select role_name from TENANTS loop
                     execute format('grant select on public.leak to %I', tenant);
                 end loop;
             end $$",
        )
        .await;

    let report = world.examine().await;

    assert_eq!(report.findings.len(), 100);
    let wrong =
        (1..=100).find(|id| kinds_of(&report.findings, *id) != once(Kind::ShapeDiffers).collect());
    assert_eq!(wrong, None);
}

/// Default privileges of the owner, and what doctor says of them.
const DEFAULTS: &[(&str, &str)] = &[
    ("select on tables to pg_monitor", "pg_monitor has by default SELECT on tables that "),
    (
        "usage, update on sequences to public",
        "PUBLIC has by default UPDATE, USAGE on sequences that ",
    ),
    ("execute on functions to pg_monitor", "pg_monitor has by default EXECUTE on functions that "),
    ("usage on types to pg_monitor", "pg_monitor has by default USAGE on types that "),
    ("usage on schemas to public", "PUBLIC has by default USAGE on schemas that "),
];

#[tokio::test]
async fn default_privileges_that_keep_tenants_from_being_made_are_told_once_with_what_takes_them_back()
 {
    for (defaults, words) in DEFAULTS {
        let world = World::of(3, 1).await;
        world.plant(1, &format!("alter default privileges grant {defaults}")).await;

        let report = world.examine().await;

        assert_eq!(told(&report).len(), 1, "{defaults}: {:#?}", told(&report));
        let Finding { kind, sentence, .. } = &report.findings[0];
        assert_eq!(*kind, Kind::DefaultRights, "{defaults}");
        assert!(sentence.starts_with(words), "{defaults}: {sentence}");
        let (_, remedy) = sentence.split_once("; run: ").unwrap();
        // in small letters it has none of what a plant puts names in for
        world.plant(1, &remedy.to_lowercase()).await;
        assert_eq!(told(&world.examine().await), [""; 0], "{remedy}");
    }
}

#[tokio::test]
async fn several_default_privileges_of_one_role_are_one_finding_and_public_on_functions_is_none() {
    let world = World::of(1, 0).await;
    world
        .plant(
            1,
            "alter default privileges grant select, insert on tables to pg_monitor;
             alter default privileges grant usage on sequences to pg_monitor;
             alter default privileges grant execute on functions to public",
        )
        .await;

    let report = world.examine().await;

    assert_eq!(told(&report).len(), 1, "{:#?}", told(&report));
    let sentence = told(&report)[0];
    assert!(sentence.contains("USAGE on sequences and "), "{sentence}");
    assert_eq!(sentence.matches("alter default privileges for role ").count(), 2, "{sentence}");
}
