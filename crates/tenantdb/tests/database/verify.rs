//! Every kind of damage is found and told in a sentence.

use sqlx::PgConnection;
use tenantdb::{MigrationSet, Promise, Subject, shape, verify};

use crate::support::{Tenant, execute, set_of, site, violations};

/// Does the damage in a transaction that is given up, and tells what `verify` finds. The check of new
/// tenants, which knows the digest from before the damage, has to find the same.
async fn found(
    tenant: &Tenant,
    neighbour: &Tenant,
    conn: &mut PgConnection,
    damage: &str,
) -> Vec<String> {
    let damage = damage.replace("ROLE", tenant.role.as_str());
    let promise = Promise::learn(conn, &MigrationSet::embedded()).await.unwrap();
    let subject = Subject { neighbour: Some(&neighbour.schema), ..tenant.subject() };
    let newcomer = std::slice::from_ref(&subject);
    verify::verify_newcomers(conn, newcomer, &promise).await.unwrap();
    execute(conn, "savepoint before").await.unwrap();
    execute(conn, &damage).await.unwrap();
    let found = tenant.faults(conn, Some(neighbour)).await;
    let of_newcomer = violations(verify::verify_newcomers(conn, newcomer, &promise).await);
    execute(conn, "rollback to before").await.unwrap();
    // a kind of object that no migration makes is not looked for in what was made a moment ago
    let is_rare =
        |told: &String| ["trigger ", "policy ", "rule "].iter().any(|it| told.starts_with(it));
    if !found.iter().any(is_rare) {
        assert_eq!(of_newcomer, found, "{damage}");
    }
    found
}

#[tokio::test]
async fn each_damage_is_found_and_nothing_else() {
    let site = site().await;
    let (rival, tenant) = (site.provisioned(2, "rival").await, site.provisioned(1, "acme").await);
    let mut tx = site.begin().await;
    assert_eq!(tenant.faults(&mut tx, Some(&rival)).await, Vec::<String>::new());

    for (damage, told) in [
        ("drop index acme.person_email", &["index person.person_email is missing"][..]),
        ("alter table acme.person drop active", &["column person.active is missing"]),
        (
            "alter table acme.person alter email drop not null",
            &["column person.email is not what the migrations make it"],
        ),
        (
            "alter table acme.person alter role set default 'owner'",
            &["column person.role is not what the migrations make it"],
        ),
        (
            "alter table acme.person drop constraint person_role_check",
            &["constraint person.person_role_check is missing"],
        ),
        (
            "alter sequence acme.person_id_seq increment 2",
            &["sequence person_id_seq is not what the migrations make it"],
        ),
        (
            "alter table acme.person enable row level security",
            &["table person is not what the migrations make it"],
        ),
        ("create type acme.mood as enum ('a')", &["type mood is in no migration"]),
        (
            "create function acme.f() returns int language sql as 'select 1'",
            &["function f() is in no migration"],
        ),
        ("revoke update on acme.person from ROLE", &["the role lacks UPDATE on table person"]),
        (
            "revoke usage on sequence acme.person_id_seq from ROLE",
            &["the role lacks USAGE on sequence person_id_seq"],
        ),
        ("revoke usage on schema acme from ROLE", &["the role may not use its own schema"]),
        ("grant create on schema acme to ROLE", &["the role may create objects in its schema"]),
        (
            "grant usage on schema rival to ROLE",
            &["the role may enter a schema that is not its own"],
        ),
        (
            "grant usage on schema tenantry to ROLE",
            &["the role may enter a schema that is not its own"],
        ),
        (
            "grant usage on schema apalis to public",
            &["the role may enter a schema that is not its own"],
        ),
        (
            "grant create on schema public to ROLE",
            &["the role may create objects in schema public"],
        ),
        ("alter role ROLE createdb", &["the role has powers beyond its schema"]),
        ("grant pg_monitor to ROLE", &["the role is in a group besides the tenants'"]),
        ("alter table acme.tenant owner to ROLE", &["table tenant belongs to the role"]),
        ("alter table acme.tenant owner to pg_monitor", &["table tenant belongs to pg_monitor"]),
        ("grant usage on schema acme to public", &["PUBLIC has USAGE on the schema"]),
        ("grant usage on schema acme to pg_monitor", &["pg_monitor has USAGE on the schema"]),
        ("grant select on acme.person to RIVAL", &["RIVAL has SELECT on table person"]),
        (
            "grant select (email) on acme.person to public",
            &["PUBLIC has SELECT on column person.email"],
        ),
        (
            "grant usage on sequence acme.person_id_seq to public",
            &["PUBLIC has USAGE on sequence person_id_seq"],
        ),
        (
            "grant select on acme.person to ROLE with grant option",
            &["the role has SELECT with grant option on table person"],
        ),
        ("grant truncate on acme.person to ROLE", &["the role has TRUNCATE on table person"]),
        (
            "alter default privileges in schema acme grant select on tables to pg_monitor",
            &["pg_monitor has SELECT on later tables"],
        ),
        (
            "alter default privileges in schema acme revoke select on tables from ROLE",
            &["the role has not the default privileges in its schema that it was given"],
        ),
        ("alter role ROLE nologin", &["the role may not log in"]),
        (
            "alter role ROLE valid until '2020-01-01'",
            &["the role's password has an end (VALID UNTIL)"],
        ),
        ("alter role ROLE connection limit 0", &["the role's connection limit is 0"]),
        (
            "alter role ROLE set search_path to rival, pg_temp",
            &[
                "the role's search_path is not as the settings want it: `tenantry migrate tenant up --all` \
              mends it",
            ],
        ),
        (
            "alter role ROLE reset all",
            &[
                "the role's search_path is not as the settings want it: `tenantry migrate tenant up --all` \
              mends it",
            ],
        ),
        (
            "do $$ begin execute format('alter role ROLE in database %I set search_path to rival',
                 current_database()); end $$",
            &["the role has settings besides its search_path"],
        ),
        (
            "alter role ROLE set session_replication_role to replica",
            &["the role has settings besides its search_path"],
        ),
        (
            "create trigger t before update on acme.person
                 for each row execute function suppress_redundant_updates_trigger()",
            &["trigger person.t is in no migration"],
        ),
        (
            "create rule r as on delete to acme.person do instead nothing",
            &["rule person.r is in no migration"],
        ),
        ("create policy p on acme.person using (true)", &["policy person.p is in no migration"]),
        ("comment on schema acme is 'mine'", &["the schema does not bear the tenant's mark"]),
        ("comment on role ROLE is null", &["the role does not bear the tenant's mark"]),
    ] {
        let damage = damage.replace("RIVAL", rival.role.as_str());
        let told: Vec<String> =
            told.iter().map(|words| words.replace("RIVAL", rival.role.as_str())).collect();
        assert_eq!(found(&tenant, &rival, &mut tx, &damage).await, told, "{damage}");
    }
}

#[tokio::test]
async fn what_is_gone_altogether_is_told() {
    let site = site().await;
    let (rival, tenant) = (site.provisioned(2, "rival").await, site.provisioned(1, "acme").await);
    let mut tx = site.begin().await;

    let table = found(&tenant, &rival, &mut tx, "drop table acme.tenant").await;
    let schema = found(&tenant, &rival, &mut tx, "drop schema acme cascade").await;
    let role = found(&tenant, &rival, &mut tx, "drop owned by ROLE; drop role ROLE").await;

    assert!(table.contains(&"table tenant is missing".to_owned()), "{table:?}");
    assert!(schema.contains(&"the schema does not exist".to_owned()), "{schema:?}");
    assert_eq!(role, ["the role does not exist"]);
}

#[tokio::test]
async fn every_kind_of_object_is_compared_under_any_schema_name() {
    let site = site().await;
    let set = set_of(&[(
        "1_all.sql",
        "create type mood as enum ('ok', 'so so');
         create domain short as text check (length(value) < 9);
         create type pair as (a int, b mood);
         create table parent (id serial primary key, m mood default 'ok', s short, p pair, ms mood[]);
         create table child (id int references parent (id), n int generated always as (id + 1) stored)
             partition by range (id);
         create table child_1 partition of child for values from (0) to (9);
         create index on parent (m) where m = 'ok';
         create view v as select p.id, c.n from parent p join child c on c.id = p.id;
         create materialized view w as select count(*) from v;
         create function f(x mood, y parent) returns setof parent language sql as 'select * from parent';
         create function g() returns bigint language sql begin atomic select count(*) from parent; end;
         create function touch() returns trigger language plpgsql as 'begin return new; end';
         create trigger t before insert on parent for each row when (new.m = 'ok') execute function touch();
         alter table parent enable row level security;
         create policy mine on parent using (exists (select 1 from child where child.id = parent.id));
         create sequence s owned by parent.id",
    )]);
    let mut tx = site.begin().await;
    let promise = Promise::learn(&mut tx, &set).await.unwrap();
    for (id, name) in [(1, "a"), (2, "order"), (3, "mood"), (4, "parent")] {
        let tenant = site.tenant(id, name);
        tenant.provision(&mut tx, &set).await;

        let (schema, subject) = (&tenant.schema, tenant.subject());
        verify::verify(&mut tx, &subject, &promise).await.unwrap();
        let newcomer = std::slice::from_ref(&subject);
        verify::verify_newcomers(&mut tx, newcomer, &promise).await.unwrap();
        // entered or not, the answer is the same
        let enter = format!("set local search_path to \"{schema}\", pg_temp");
        execute(&mut tx, &enter).await.unwrap();
        verify::verify(&mut tx, &subject, &promise).await.unwrap();
        execute(&mut tx, "set local search_path to default").await.unwrap();
    }
}

/// What a migration gives to others than the tenant stays, and is missed when it is gone.
#[tokio::test]
async fn a_right_that_a_migration_gave_is_left_to_whom_it_gave_it() {
    let site = site().await;
    let tenant = site.tenant(1, "acme");
    let set = set_of(&[(
        "1_all.sql",
        "create table t (x int);
         create function f(a t) returns int language sql as 'select 1';
         grant select on t to pg_monitor;
         grant execute on function f(t) to pg_monitor",
    )]);
    let mut tx = site.begin().await;
    let promise = Promise::learn(&mut tx, &set).await.unwrap();
    tenant.provision(&mut tx, &set).await;
    let subject = tenant.subject();

    verify::verify(&mut tx, &subject, &promise).await.unwrap();

    execute(&mut tx, "grant insert on acme.t to pg_monitor").await.unwrap();
    let more = verify::verify(&mut tx, &subject, &promise).await;
    assert!(more.unwrap_err().to_string().ends_with("pg_monitor has INSERT on table t"));
}

#[tokio::test]
async fn default_privileges_of_the_owner_let_nobody_into_a_new_tenant() {
    let site = site().await;
    let mut tx = site.begin().await;
    execute(
        &mut tx,
        "alter default privileges grant usage on schemas to pg_monitor;
         alter default privileges grant select on tables to pg_monitor",
    )
    .await
    .unwrap();
    let tenant = site.tenant(1, "acme");
    tenant.provision(&mut tx, &MigrationSet::embedded()).await;

    let told = tenant.faults(&mut tx, None).await;

    let expected = [
        "pg_monitor has SELECT on table person",
        "pg_monitor has SELECT on table tenant",
        "pg_monitor has USAGE on the schema",
    ];
    let why = ", by default privileges (see `alter default privileges … revoke`)";
    let mut told: Vec<&str> = told.iter().map(|s| s.strip_suffix(why).unwrap()).collect();
    told.sort_unstable();
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_rehearsal_has_limits_where_its_session_has_none() {
    let site = site().await;
    let set = set_of(&[(
        "1_limits.sql",
        "do $$ begin
             if '0' in (current_setting('statement_timeout'), current_setting('lock_timeout')) then
                 raise exception 'there is no limit';
             end if;
         end $$",
    )]);
    let mut conn = site.db.pool.acquire().await.unwrap();
    execute(&mut conn, "set statement_timeout = 0; set lock_timeout = 0").await.unwrap();

    Promise::learn(&mut conn, &set).await.unwrap();

    let after = "select current_setting('statement_timeout')::bigint";
    assert_eq!(crate::support::count(&mut conn, after).await, 0);
}

#[tokio::test]
async fn learning_leaves_nothing_behind() {
    let site = site().await;
    let mut conn = site.db.pool.acquire().await.unwrap();

    Promise::learn(&mut conn, &MigrationSet::embedded()).await.unwrap();

    let left = "select count(*) from pg_namespace where nspname like 'tn_promise%'";
    assert_eq!(crate::support::count(&mut conn, left).await, 0);
}

#[tokio::test]
async fn a_shape_names_each_object_once() {
    let site = site().await;
    let tenant = site.provisioned(1, "acme").await;
    let mut conn = site.db.pool.acquire().await.unwrap();

    let shape = shape::read(&mut conn, &tenant.schema).await.unwrap();

    for object in [
        "table person",
        "column person.email",
        "index person.person_email",
        "constraint person.person_pkey",
        "sequence person_id_seq",
    ] {
        assert!(shape.contains_key(object), "{object} in {shape:#?}");
    }
}
