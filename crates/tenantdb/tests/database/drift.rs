//! A schema that is not what its migrations make: each object is named, with both definitions, and no other.

use sqlx::PgConnection;
use tenantdb::drift::Drifted;
use tenantdb::{MigrationSet, Promise, verify};

use crate::support::{Site, Tenant, execute, set_of, site};

/// One of every kind of object that is compared.
const SET: [(&str, &str); 2] = [
    (
        "0001_person.up.sql",
        "create type mood as enum ('well', 'ill');
         create table person (id bigint generated always as identity primary key,
             email varchar(40) not null default 'none', mood mood, age int check (age > 0));
         create index person_email on person (lower(email));
         create function touch() returns trigger language plpgsql as $$ begin return new; end $$;
         create trigger person_touched before update on person for each row execute function touch();
         create view adult as select id, email from person where age > 17;
         alter table person enable row level security;
         create policy own on person using (age > 1);",
    ),
    ("0002_note.up.sql", "create table note (person bigint references person, text text);"),
];

fn set() -> MigrationSet {
    let downs = [
        (
            "0001_person.down.sql",
            "drop view adult; drop table person; drop function touch(); drop type mood;",
        ),
        ("0002_note.down.sql", "drop table note;"),
    ];
    set_of(&[&SET[..], &downs[..]].concat())
}

async fn drift(conn: &mut PgConnection, tenant: &Tenant, set: &MigrationSet) -> Vec<Drifted> {
    let promise = Promise::learn(conn, set).await.unwrap();
    verify::look(conn, &tenant.subject(), &promise).await.unwrap().drift
}

async fn provisioned(site: &Site, id: i64) -> Tenant {
    let tenant = site.tenant(id, &format!("t_{id}"));
    let mut tx = site.begin().await;
    tenant.provision(&mut tx, &set()).await;
    tx.commit().await.unwrap();
    tenant
}

fn told(drifted: &[Drifted]) -> Vec<String> {
    drifted.iter().map(|it| format!("{} {}", it.difference.as_str(), it.object)).collect()
}

#[tokio::test]
async fn each_change_is_named_and_nothing_beside_it() {
    let site = site().await;
    let tenant = provisioned(&site, 1).await;
    site.run("create role drift_stranger").await;
    for (change, named) in [
        ("alter table note alter text type varchar(9)", "differs column note.text"),
        ("alter table person alter email drop default", "differs column person.email"),
        ("alter table person alter email drop not null", "differs column person.email"),
        ("alter table person alter email set storage external", "differs column person.email"),
        ("alter table note drop column text", "missing column note.text"),
        ("alter table note add surprise int", "extra column note.surprise"),
        ("alter table person set (fillfactor = 50)", "differs table person"),
        ("alter table note set unlogged", "differs table note"),
        ("alter table person disable row level security", "differs table person"),
        ("drop table note", "missing table note"),
        ("create table extra (id int primary key, b text)", "extra table extra"),
        ("drop index person_email", "missing index person.person_email"),
        ("create index by_hand on note (text)", "extra index note.by_hand"),
        ("alter index person_email set (fillfactor = 50)", "differs index person.person_email"),
        (
            "alter table person drop constraint person_age_check",
            "missing constraint person.person_age_check",
        ),
        (
            "create or replace function touch() returns trigger language plpgsql as $$ begin return old; end $$",
            "differs function touch()",
        ),
        ("alter function touch() security definer", "differs function touch()"),
        ("alter function touch() set work_mem = '1MB'", "differs function touch()"),
        (
            "create function f(a text) returns int language sql as 'select 1'",
            "extra function f(text)",
        ),
        (
            "alter table person disable trigger person_touched",
            "differs trigger person.person_touched",
        ),
        ("drop trigger person_touched on person", "missing trigger person.person_touched"),
        ("alter policy own on person using (age > 2)", "differs policy person.own"),
        ("alter policy own on person to drift_stranger", "differs policy person.own"),
        (
            "create or replace view adult as select id, email from person where age > 18",
            "differs view adult",
        ),
        ("alter view adult set (security_barrier)", "differs view adult"),
        ("alter type mood add value 'glad'", "differs type mood"),
        ("alter sequence person_id_seq cache 9", "differs sequence person_id_seq"),
        ("create statistics s on age, email from person", "extra statistics object s"),
        ("revoke select on note from ROLE", "missing right: SELECT of the role on table note"),
        (
            "grant select on note to drift_stranger",
            "extra right: SELECT of drift_stranger on table note",
        ),
        ("grant truncate on note to ROLE", "extra right: TRUNCATE of the role on table note"),
        (
            "grant usage on schema t_1 to drift_stranger",
            "extra right: USAGE of drift_stranger on the schema",
        ),
        ("alter view adult owner to drift_stranger", "differs right: owner of view adult"),
    ] {
        let mut tx = site.begin().await;
        let text =
            format!("set search_path = t_1; {}", change.replace("ROLE", tenant.role.as_str()));
        execute(&mut tx, &text).await.unwrap();

        let found = told(&drift(&mut tx, &tenant, &set()).await);

        // an extra object has rights, too, and who made it by hand did not give the role any
        let extra = named.strip_prefix("extra ").map(|object| format!(" on {object}"));
        let beside = |it: &&String| !extra.as_ref().is_some_and(|on| it.ends_with(on));
        let of_owner =
            |it: &&String| !named.contains("owner of") || !it.contains("drift_stranger on");
        let found: Vec<_> = found.iter().filter(beside).filter(of_owner).collect();
        let named_alone = match named.contains("right:") {
            true => found.contains(&&named.to_owned()) || extra.is_some(),
            false => found == [named],
        };
        assert!(named_alone, "{change}: {found:?}");
    }
    site.run("drop role drift_stranger").await;
}

#[tokio::test]
async fn both_definitions_are_told_without_the_schemas_name() {
    let site = site().await;
    let tenant = provisioned(&site, 1).await;
    let mut tx = site.begin().await;
    execute(
        &mut tx,
        "alter table t_1.person alter mood set default 'ill'; drop index t_1.person_email",
    )
    .await
    .unwrap();

    let drifted = drift(&mut tx, &tenant, &set()).await;

    let text = |it: &Option<String>| it.clone().unwrap_or_default();
    let of = |object: &str| drifted.iter().find(|it| it.object == object).unwrap();
    let column = of("column person.mood");
    assert_eq!(text(&column.reference), "mood");
    assert_eq!(text(&column.tenant), "mood default 'ill'::mood");
    let index = of("index person.person_email");
    assert_eq!(index.tenant, None);
    assert!(text(&index.reference).starts_with("CREATE INDEX person_email ON person"), "{index:?}");
    assert_eq!(drifted.len(), 2, "{drifted:?}");
}

#[tokio::test]
async fn tables_of_other_migration_tools_are_no_drift_unless_a_migration_makes_them() {
    let site = site().await;
    let tenant = provisioned(&site, 1).await;
    let mut tx = site.begin().await;
    execute(
        &mut tx,
        "set search_path = t_1;
         create table django_migrations (id serial primary key, app text);
         create index on django_migrations (app);
         create table alembic_version (version_num varchar(32) primary key);
         create table flyway_schema_history (installed_rank int primary key)",
    )
    .await
    .unwrap();

    assert_eq!(told(&drift(&mut tx, &tenant, &set()).await), [""; 0]);
    let with_table = set_of(&[("0001_a.sql", "create table schema_migrations (version text);")]);
    execute(&mut tx, "drop schema t_1 cascade; create schema t_1").await.unwrap();
    let found = told(&drift(&mut tx, &tenant, &with_table).await);
    assert!(found.contains(&"missing table schema_migrations".to_owned()), "{found:?}");
}

#[tokio::test]
async fn a_tenant_at_an_older_version_is_compared_with_what_the_files_up_to_it_make() {
    let site = site().await;
    let tenant = provisioned(&site, 1).await;
    let set = set();
    let newest: Vec<_> = set.iter().skip(1).collect();
    let older = set.without(&newest);
    let mut tx = site.begin().await;
    assert_eq!(told(&drift(&mut tx, &tenant, &older).await), ["extra table note"]);

    tenant.revert(&mut tx, &set, None).await.unwrap();

    assert_eq!(told(&drift(&mut tx, &tenant, &older).await), [""; 0]);
    assert!(older.hash() != set.hash() && set.without(&[]).hash() == set.hash());
    tenant.apply(&mut tx, &set).await.unwrap();
    let promise = Promise::learn(&mut tx, &set).await.unwrap();
    tenantdb::grants::grant(&mut tx, &tenant.schema, &tenant.role, &promise).await.unwrap();
    assert_eq!(told(&drift(&mut tx, &tenant, &set).await), [""; 0], "up, down and up again");
}
