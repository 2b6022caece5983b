//! What a database lacks is said before anything is made, all at once.

use domain::{DatabaseMode, SchemaName};
use sqlx::{ConnectOptions, Connection as _, PgConnection};
use tenantdb::{Shared, rights::lacking, schema, share};

use crate::support::{execute, site};

/// An empty database and a session of a role that may log in; `{role}` stands for it in `sql`.
async fn arranged(sql: &str) -> (harness::Db, PgConnection, String) {
    let db = harness::empty_db().await;
    let mut admin = db.pool.acquire().await.unwrap();
    let name: String =
        sqlx::query_scalar("select current_database()::text").fetch_one(&mut *admin).await.unwrap();
    let role = format!("user_of_{name}");
    let sql = sql.replace("{role}", &role).replace("{db}", &name);
    execute(&mut admin, &format!("create role {role} login; {sql}")).await.unwrap();
    drop(admin);
    let conn = (*db.pool.connect_options()).clone().username(&role).connect().await.unwrap();
    (db, conn, role)
}

async fn cleaned_up(db: &harness::Db, conn: PgConnection, role: &str) {
    drop(conn);
    let mut admin = db.pool.acquire().await.unwrap();
    let drop =
        format!("reassign owned by {role} to current_user; drop owned by {role}; drop role {role}");
    execute(&mut admin, &drop).await.unwrap();
}

#[tokio::test]
async fn the_owner_with_createrole_lacks_nothing_for_either_mode() {
    let (db, mut conn, role) =
        arranged("alter role {role} createrole; alter database {db} owner to {role}").await;

    for mode in DatabaseMode::ALL {
        assert_eq!(lacking(&mut conn, *mode).await.unwrap(), [""; 0]);
    }
    cleaned_up(&db, conn, &role).await;
}

#[tokio::test]
async fn all_that_is_missing_is_said_at_once_with_what_mends_it() {
    let (db, mut conn, role) = arranged(
        "revoke all on schema public from public; create schema extensions;
         create extension hstore schema extensions;
         create schema apalis; create table apalis.jobs ()",
    )
    .await;

    let own = lacking(&mut conn, DatabaseMode::Own).await.unwrap().join("\n");
    let shared = lacking(&mut conn, DatabaseMode::Shared).await.unwrap().join("\n");

    for remedy in [
        format!("alter role {role} createrole"),
        format!("grant create on database {} to {role}", role.replace("user_of_", "")),
        format!("grant usage on schema public to {role}"),
        format!("grant usage on schema extensions to {role}"),
        "a schema apalis that belongs to another application".to_owned(),
        format!("grant usage, create on schema apalis to {role}"),
    ] {
        assert!(own.contains(&remedy) && shared.contains(&remedy), "{remedy}:\n{own}");
    }
    let revoke = format!("revoke all on database {} from public", role.replace("user_of_", ""));
    assert!(own.contains(&revoke) && !shared.contains(&revoke), "{own}");
    cleaned_up(&db, conn, &role).await;
}

#[tokio::test]
async fn nothing_is_lacking_for_a_superuser_without_public_or_with_extensions_elsewhere() {
    let db = harness::empty_db().await;
    let mut conn = db.pool.acquire().await.unwrap();
    let odd =
        "drop schema public; create schema \"Odd one\"; create extension hstore schema \"Odd one\"";
    execute(&mut conn, odd).await.unwrap();

    for mode in DatabaseMode::ALL {
        assert_eq!(lacking(&mut conn, *mode).await.unwrap(), [""; 0]);
    }
}

#[tokio::test]
async fn too_few_connections_are_said_before_the_first_installation_alone() {
    let (db, mut conn, role) = arranged(
        "alter role {role} createrole; alter database {db} owner to {role}; alter database {db} connection limit 5",
    )
    .await;

    let few = lacking(&mut conn, DatabaseMode::Own).await.unwrap().join("\n");

    assert!(few.contains("more connections are free"), "{few}");
    cleaned_up(&db, conn, &role).await;
}

#[tokio::test]
async fn what_cannot_be_shared_is_said_with_what_mends_it() {
    let site = site().await;
    site.provisioned(7, "acme").await;
    site.run(
        "create schema other; create extension pg_trgm schema other;
         create table public.open (); grant insert, select on public.open to public;
         create table public.by_column (a int, b int); grant update (a) on public.by_column to public;
         create sequence public.counter",
    )
    .await;
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let shared = Shared {
        extensions: owned(&["pgcrypto", "pg_trgm", "no_such", "earthdistance", "plpgsql"]),
        tables: owned(&[
            "public.open",
            "public.by_column",
            "public.gone",
            "public.counter",
            "acme.person",
        ]),
    };
    let mut conn = site.db.pool.acquire().await.unwrap();

    let told = share::lacking(&mut conn, &shared).await.unwrap();

    let all = told.join("\n");
    for part in [
        "extension pgcrypto is in schema apalis",
        "while no worker runs: create schema if not exists tenantry_extensions authorization",
        "extension pg_trgm is in schema other",
        "alter extension pg_trgm set schema tenantry_extensions",
        "does not have the extension no_such",
        "extension earthdistance needs the extension cube (list it in `tenants.extensions` too)",
        "PUBLIC has INSERT on public.open",
        "PUBLIC has UPDATE on public.by_column",
        "there is no table public.gone",
        "there is no table public.counter",
        "table acme.person is in a tenant's schema",
    ] {
        assert!(all.contains(part), "{part}:\n{all}");
    }
    assert_eq!(told.len(), 9, "{all}");
}

#[tokio::test]
async fn a_tenant_of_an_earlier_release_in_the_schema_of_extensions_is_named() {
    let site = site().await;
    let name = SchemaName::from_registry("tenantry_extensions".to_owned()).unwrap();
    let (tenant, mut conn) = (site.tenant(1, "acme"), site.db.pool.acquire().await.unwrap());
    let shared = Shared { extensions: vec!["citext".to_owned()], tables: Vec::new() };
    schema::claim(&mut conn, &name, &tenant.mark).await.unwrap();

    let told = share::lacking(&mut conn, &shared).await.unwrap();

    assert!(told[0].contains("schema tenantry_extensions is a tenant's"), "{told:?}");
}

#[tokio::test]
async fn an_untrusted_extension_takes_a_superuser() {
    let site = site().await;
    site.hand_to_an_owner().await;
    let mut conn = site.connect_as(&site.owner()).await.unwrap();
    let shared = Shared { extensions: vec!["pageinspect".to_owned()], tables: Vec::new() };

    let told = share::lacking(&mut conn, &shared).await.unwrap();

    let part = "create extension pageinspect schema tenantry_extensions";
    assert!(told.len() == 1 && told[0].contains(part), "{told:?}");
    conn.close().await.unwrap();
}
