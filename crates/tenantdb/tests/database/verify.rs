//! Every kind of damage is found and told in a sentence.

use sqlx::PgConnection;
use tenantdb::{MigrationSet, Promise, shape, verify};

use crate::support::{Tenant, execute, set_of, site};

/// Does the damage in a transaction that is given up, and tells what `verify` finds.
async fn found(
    tenant: &Tenant,
    neighbour: &Tenant,
    conn: &mut PgConnection,
    damage: &str,
) -> Vec<String> {
    let damage = damage.replace("ROLE", tenant.role.as_str());
    execute(conn, "savepoint before").await.unwrap();
    execute(conn, &damage).await.unwrap();
    let found = tenant.faults(conn, Some(neighbour)).await;
    execute(conn, "rollback to before").await.unwrap();
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
        ("revoke update on acme.person from ROLE", &["the role lacks update on person"]),
        (
            "revoke usage on sequence acme.person_id_seq from ROLE",
            &["the role lacks usage on person_id_seq"],
        ),
        ("revoke usage on schema acme from ROLE", &["the role may not use its own schema"]),
        ("grant create on schema acme to ROLE", &["the role may create objects in its schema"]),
        (
            "grant insert on acme.tenantry_migrations to ROLE",
            &["the role may write the record of migrations"],
        ),
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
        ("alter table acme.tenant owner to ROLE", &["the role owns tenant"]),
        ("comment on schema acme is 'mine'", &["the schema does not bear the tenant's mark"]),
        ("comment on role ROLE is null", &["the role does not bear the tenant's mark"]),
        (
            "update acme.tenantry_migrations set checksum = '' where version = 2",
            &["migration 2 was edited after it had been applied"],
        ),
        (
            "delete from acme.tenantry_migrations where version = 2",
            &["migration 2 was not applied"],
        ),
        (
            "insert into acme.tenantry_migrations values (9, '', '')",
            &["migration 9 is not among those at hand"],
        ),
    ] {
        assert_eq!(found(&tenant, &rival, &mut tx, damage).await, told, "{damage}");
    }
}

#[tokio::test]
async fn what_is_gone_altogether_is_told() {
    let site = site().await;
    let (rival, tenant) = (site.provisioned(2, "rival").await, site.provisioned(1, "acme").await);
    let mut tx = site.begin().await;

    let table = found(&tenant, &rival, &mut tx, "drop table acme.tenant").await;
    let versions = found(&tenant, &rival, &mut tx, "drop table acme.tenantry_migrations").await;
    let schema = found(&tenant, &rival, &mut tx, "drop schema acme cascade").await;
    let role = found(&tenant, &rival, &mut tx, "drop owned by ROLE; drop role ROLE").await;

    assert!(table.contains(&"table tenant is missing".to_owned()), "{table:?}");
    assert!(versions.contains(&"table tenantry_migrations is missing".to_owned()), "{versions:?}");
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

        let (schema, role, mark) = (&tenant.schema, &tenant.role, &tenant.mark);
        verify::verify(&mut tx, schema, role, mark, &set, &promise, None).await.unwrap();
        // entered or not, the answer is the same
        tenantdb::schema::enter(&mut tx, schema).await.unwrap();
        verify::verify(&mut tx, schema, role, mark, &set, &promise, None).await.unwrap();
        execute(&mut tx, "set local search_path to default").await.unwrap();
    }
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
