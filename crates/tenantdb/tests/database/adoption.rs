//! What was built in advance becomes a tenant's, and is what would have been built for it.

use domain::{RoleName, SchemaName, TenantId};
use sqlx::{PgConnection, Postgres, Transaction};
use tenantdb::own_row::{self, OwnRow};
use tenantdb::{Mark, MigrationSet, Promise, verify};
use tenantdb::{Subject, TenantPath, newcomers};

use crate::support::{CONNECTIONS, Site, Tenant, count, execute, set_of, site, sqlstate};

/// Builds a spare, as a worker does.
async fn spare(site: &Site, conn: &mut PgConnection, id: i64) -> TenantId {
    spare_of(site, conn, id, &MigrationSet::embedded()).await
}

async fn spare_of(site: &Site, conn: &mut PgConnection, id: i64, set: &MigrationSet) -> TenantId {
    let id = TenantId::new(id);
    let (schema, role) = (SchemaName::of_spare(id), RoleName::of(&site.installation, id));
    let mark = Mark { installation: site.installation.clone(), tenant: id };
    let (schema, role, path) = (&schema, &role, TenantPath::ALONE);
    let spare = [Subject { schema, role, mark, neighbour: None, path, application_role: None }];
    let promise = Promise::learn(conn, set).await.unwrap();
    newcomers::create_roles(conn, &spare, CONNECTIONS).await.unwrap();
    newcomers::create_schemas(conn, &spare).await.unwrap();
    newcomers::migrate_spares(conn, &spare, set).await.unwrap();
    newcomers::grant(conn, &spare, &promise).await.unwrap();
    id
}

async fn adopt(
    site: &Site,
    conn: &mut PgConnection,
    spare: TenantId,
    tenant: &Tenant,
) -> sqlx::Result<Vec<String>> {
    newcomers::adopt(conn, &site.installation, &[(spare, tenant.subject())]).await
}

/// A spare adopted as tenant 1, `acme`, beside tenant 2.
async fn adopted(site: &Site) -> (Tenant, Tenant, Transaction<'static, Postgres>) {
    let rival = site.provisioned(2, "rival").await;
    let tenant = site.tenant(1, "acme");
    let mut tx = site.begin().await;
    let spare = spare(site, &mut tx, 900).await;
    adopt(site, &mut tx, spare, &tenant).await.unwrap();
    (tenant, rival, tx)
}

#[tokio::test]
async fn whatever_changes_in_a_spare_changes_its_fingerprint() {
    let site = site().await;
    let set = set_of(&[(
        "1_all.sql",
        "create type mood as enum ('ok');
         create domain short as text check (length(value) < 9);
         create table a (id serial primary key, m mood default 'ok', n int check (n > 0));
         create table b (a int references a (id), x int);
         create index on b (x);
         create view v as select id from a;
         create function f() returns int language sql as 'select 1'",
    )]);
    let mut tx = site.begin().await;
    let id = spare_of(&site, &mut tx, 900, &set).await;
    tx.commit().await.unwrap();
    let mut tx = site.begin().await;
    let database: String = sqlx::query_scalar("select quote_ident(current_database())")
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    let built = newcomers::fingerprints(&mut tx, &site.installation, [id]).await.unwrap();
    for change in [
        "drop table b",
        "create table c ()",
        "alter table a add column z int",
        "alter table a drop column n cascade",
        "alter table a alter m drop default",
        "alter table a alter m set default null",
        "alter table a alter n set not null",
        "drop index b_x_idx",
        "create index on a (n)",
        "alter index b_x_idx rename to other",
        "alter table a drop constraint a_n_check",
        "alter table b drop constraint b_a_fkey",
        "alter table b disable trigger all",
        "create trigger t before update on a for each row
             execute function suppress_redundant_updates_trigger()",
        "create rule r as on delete to a do instead nothing",
        "create policy p on a using (true)",
        "alter table a enable row level security",
        "alter sequence a_id_seq increment 2",
        "create or replace view v as select id + 0 as id from a",
        "create or replace function f() returns int language sql as 'select 2'",
        "alter type mood add value 'bad'",
        "alter domain short drop constraint short_check",
        "grant select on a to public",
        "grant select (id) on a to public",
        "grant execute on function f() to public",
        "revoke select on a from ROLE",
        "alter default privileges in schema tenantry_spare_900_ grant select on tables to public",
        "create statistics s on a, x from b",
        "drop schema tenantry_spare_900_ cascade",
        "alter role ROLE createdb",
        "alter role ROLE set work_mem to '64kB'",
        "alter role ROLE in database DATABASE set work_mem to '64kB'",
        "grant pg_read_all_stats to ROLE",
        "grant ROLE to current_user",
        "revoke GROUP from ROLE",
        "grant temporary on database DATABASE to ROLE",
        "grant usage on schema tenantry to ROLE",
    ] {
        let sql = change
            .replace("ROLE", RoleName::of(&site.installation, id).as_str())
            .replace("GROUP", RoleName::group(&site.installation).as_str())
            .replace("DATABASE", &database);
        execute(&mut tx, "savepoint before; set local search_path to tenantry_spare_900_")
            .await
            .unwrap();
        execute(&mut tx, &sql).await.unwrap();
        let changed = newcomers::fingerprints(&mut tx, &site.installation, [id]).await.unwrap();
        assert_ne!(built, changed, "{change}");
        execute(&mut tx, "rollback to before").await.unwrap();
    }
    assert_eq!(built, newcomers::fingerprints(&mut tx, &site.installation, [id]).await.unwrap());
    tx.rollback().await.unwrap();

    site.run("vacuum (freeze, analyze)").await;
    site.run("insert into tenantry_spare_900_.a (n) values (1)").await;
    let mut conn = site.db.pool.acquire().await.unwrap();
    assert_eq!(built, newcomers::fingerprints(&mut conn, &site.installation, [id]).await.unwrap());
}

#[tokio::test]
async fn an_adopted_spare_is_what_would_have_been_built() {
    let site = site().await;

    let (tenant, rival, mut tx) = adopted(&site).await;

    assert_eq!(tenant.faults(&mut tx, Some(&rival)).await, Vec::<String>::new());
    let subject = Subject { neighbour: Some(&rival.schema), ..tenant.subject() };
    verify::verify_adopted(&mut tx, &[subject]).await.unwrap();
    tx.commit().await.unwrap();
    let mut session = site.connect_as(tenant.role.as_str()).await.unwrap();
    execute(&mut session, "insert into person (email, full_name) values ('a@b.example', 'A')")
        .await
        .unwrap();
    let denied = execute(&mut session, "select * from rival.person").await;
    assert_eq!(sqlstate(denied), "42501");
    let left: i64 = sqlx::query_scalar(
        "select (select count(*) from pg_namespace where nspname ~ '^tenantry_spare')
              + (select count(*) from pg_roles where rolname ~ '_900$')",
    )
    .fetch_one(&site.db.pool)
    .await
    .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_name_in_use_is_not_adopted_into() {
    let site = site().await;
    site.run("create schema acme").await;
    let mut tx = site.begin().await;
    let spare = spare(&site, &mut tx, 900).await;

    let refused = adopt(&site, &mut tx, spare, &site.tenant(1, "acme")).await;

    assert_eq!(sqlstate(refused), "42P06");
}

#[tokio::test]
async fn rights_beyond_the_promised_are_found_in_an_adopted_spare() {
    let site = site().await;
    let (tenant, rival, mut tx) = adopted(&site).await;
    execute(&mut tx, &format!("grant usage on schema rival to {}", tenant.role.as_str()))
        .await
        .unwrap();

    let subject = Subject { neighbour: Some(&rival.schema), ..tenant.subject() };
    let found = verify::verify_adopted(&mut tx, &[subject]).await;

    let error = found.unwrap_err().to_string();
    assert!(error.contains("the role may enter a schema that is not its own"), "{error}");
}

#[tokio::test]
async fn migrations_that_know_their_schemas_name_do_not_survive_renaming() {
    let site = site().await;
    let mut conn = site.db.pool.acquire().await.unwrap();
    for (sql, survives) in [
        ("create table a (id bigint generated always as identity primary key);", true),
        ("create table a (made_in text not null default current_schema());", false),
        (
            "create function f() returns int language sql as 'select 1';
             create view v as select f() as one;",
            true,
        ),
    ] {
        let set = set_of(&[("0001_a.sql", sql)]);
        let promise = Promise::learn(&mut conn, &set).await.unwrap();
        assert_eq!(promise.no_spares().is_none(), survives, "{sql}");
    }
}

#[tokio::test]
async fn the_table_of_the_own_row_is_laid_out_and_empty_and_takes_a_row() {
    let site = site().await;
    let refuses = set_of(&[(
        "1_tenant.sql",
        "create table tenant (id bigint primary key, name text not null check (name <> ''),
             domain text not null unique, settings jsonb not null)",
    )]);
    for (id, set, is_laid_out) in [(900, MigrationSet::embedded(), true), (901, refuses, false)] {
        let mut tx = site.begin().await;
        let spare = SchemaName::of_spare(spare_of(&site, &mut tx, id, &set).await);

        own_row::lay_out(&mut tx, &[&spare]).await.unwrap();

        let size = format!("select pg_relation_size('{spare}.tenant')");
        assert_eq!(count(&mut tx, &size).await > 0, is_laid_out);
        assert_eq!(count(&mut tx, &format!("select count(*) from {spare}.tenant")).await, 0);
        let (name, domain, settings) = ("Acme", "acme.example", "{}");
        let row = OwnRow { schema: &spare, tenant: TenantId::new(1), name, domain, settings };
        // A row that the migrations brought, or an earlier try.
        for name in ["Seed", name] {
            own_row::write(&mut tx, &[OwnRow { name, ..row }]).await.unwrap();
            let rows = format!(
                "select count(*) filter (where name = '{name}') * count(*) from {spare}.tenant"
            );
            assert_eq!(count(&mut tx, &rows).await, 1);
        }
    }
}
