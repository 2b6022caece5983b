//! What was built in advance becomes a tenant's, and is what would have been built for it.

use domain::{RoleName, SchemaName, TenantId};
use sqlx::{PgConnection, Postgres, Transaction};
use tenantdb::adoption::{self, Adoption};
use tenantdb::newcomers::{self, Newcomer};
use tenantdb::{Mark, MigrationSet, Promise, verify};

use crate::support::{CONNECTIONS, Site, Tenant, execute, set_of, site, sqlstate};

/// Builds a spare, as a worker does.
async fn spare(site: &Site, conn: &mut PgConnection, id: i64) -> TenantId {
    let id = TenantId::new(id);
    let (schema, role) = (SchemaName::of_spare(id), RoleName::of(&site.installation, id));
    let mark = Mark { installation: site.installation.clone(), tenant: id };
    let spare = [Newcomer { schema: &schema, role: &role, mark }];
    let set = MigrationSet::embedded();
    let promise = Promise::learn(conn, &set).await.unwrap();
    newcomers::create_roles(conn, &spare, CONNECTIONS).await.unwrap();
    newcomers::create_schemas(conn, &spare).await.unwrap();
    newcomers::migrate(conn, &spare, &set).await.unwrap();
    newcomers::grant(conn, &spare, &promise).await.unwrap();
    id
}

fn newcomer(tenant: &Tenant) -> Newcomer<'_> {
    Newcomer { schema: &tenant.schema, role: &tenant.role, mark: tenant.mark.clone() }
}

async fn adopt(
    site: &Site,
    conn: &mut PgConnection,
    spare: TenantId,
    tenant: &Tenant,
) -> sqlx::Result<()> {
    let adoption = Adoption { spare, tenant: newcomer(tenant) };
    adoption::adopt(conn, &site.installation, &[adoption]).await
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
async fn an_adopted_spare_is_what_would_have_been_built() {
    let site = site().await;

    let (tenant, rival, mut tx) = adopted(&site).await;

    assert_eq!(tenant.faults(&mut tx, Some(&rival)).await, Vec::<String>::new());
    verify::verify_adopted(&mut tx, &[(newcomer(&tenant), Some(&rival.schema))]).await.unwrap();
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

    let found = verify::verify_adopted(&mut tx, &[(newcomer(&tenant), Some(&rival.schema))]).await;

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
        assert_eq!(promise.survives_renaming(), survives, "{sql}");
    }
}
