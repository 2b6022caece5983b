//! What a database lacks is said before anything is made, all at once.

use domain::DatabaseMode;
use sqlx::{ConnectOptions, PgConnection};
use tenantdb::requirements::lacking;

use crate::support::execute;

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
