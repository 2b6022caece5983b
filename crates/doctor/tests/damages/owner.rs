//! Repairs by an owner that is no superuser, as anywhere but on one's own server.

use std::collections::BTreeMap;

use doctor::{Fixed, Kind, Subject};
use sqlx::PgPool;

use super::{
    SOUND, kinds_of,
    list::{DAMAGES, Verdict},
    world::{World, scope},
};

/// What only a superuser may take back, or who has the attribute himself: from which version on, and
/// words of the refusal, which names it.
const REFUSED: &[(&str, i32, &str)] = &[
    ("alter table SCHEMA.person owner to ROLE", 0, "must be owner of table person"),
    ("alter table SCHEMA.person owner to pg_monitor", 0, "must be owner of table person"),
    ("alter role ROLE superuser", 0, "nosuperuser` was refused"),
    ("alter role ROLE createdb", 160_000, "nocreatedb` was refused"),
    ("alter role ROLE replication", 0, "noreplication` was refused"),
    ("alter role ROLE bypassrls", 0, "nobypassrls` was refused"),
    ("alter role ROLE set session_preload_libraries to 'x'", 0, "settings besides its search_path"),
    ("grant pg_read_all_data to ROLE", 160_000, "`revoke pg_read_all_data from"),
    ("grant RIVAL to ROLE", 160_000, "`revoke tn_"),
    ("grant ROLE to pg_monitor", 160_000, "`revoke tn_"),
    ("grant ROLE to pg_monitor with admin option", 160_000, "`revoke tn_"),
];

async fn mend(pool: &PgPool) -> Fixed {
    doctor::fix(pool, Kind::ShapeDiffers, &scope(), "cli:doctor").await.unwrap()
}

/// Why each tenant was left as it is.
fn refusals(fixed: &Fixed) -> BTreeMap<i64, &str> {
    let refused = fixed.refused.iter().map(|refusal| match &refusal.subject {
        Subject::Tenant(id) => (id.get(), refusal.reason.as_str()),
        other => panic!("{other}"),
    });
    refused.collect()
}

#[tokio::test]
async fn an_owner_without_superuser_rights_mends_what_it_may_and_names_what_it_may_not() {
    let mended: Vec<&str> = DAMAGES
        .iter()
        .filter(|(_, verdict)| *verdict == Verdict::Mended)
        .map(|(sql, _)| *sql)
        .collect();
    let (world, owner) = World::of_an_owner(SOUND + i64::try_from(mended.len()).unwrap()).await;
    let examined = doctor::examine(&owner, &scope()).await.unwrap();
    assert_eq!(examined.findings, []);
    for (id, sql) in (SOUND + 1..).zip(&mended) {
        if world.plant_as(&owner, id, sql).await.is_err() {
            world.plant(id, sql).await;
        }
    }

    let version: i32 = sqlx::query_scalar("select current_setting('server_version_num')::int")
        .fetch_one(&owner)
        .await
        .unwrap();

    let fixed = mend(&owner).await;

    let left = world.examine().await.findings;
    let refused = refusals(&fixed);
    for (id, sql) in (SOUND + 1..).zip(&mended) {
        let words = REFUSED.iter().find(|(it, since, _)| it == sql && *since <= version);
        match words {
            None => assert_eq!(kinds_of(&left, id), [].into(), "{sql}: {:?}", refused.get(&id)),
            Some((.., words)) => assert!(refused[&id].contains(words), "{sql}: {}", refused[&id]),
        }
    }
}

#[tokio::test]
async fn an_owner_that_may_create_databases_mends_a_role_that_may_not() {
    let (world, owner) = World::of_an_owner(2).await;
    world.plant(1, "alter role tn_US_owner createdb").await;
    world.plant(2, "revoke usage on schema SCHEMA from ROLE; alter role ROLE nologin").await;

    let fixed = mend(&owner).await;

    assert_eq!((fixed.done.len(), fixed.refused), (1, vec![]));
    assert_eq!(world.examine().await.findings, []);
}

#[tokio::test]
async fn a_role_that_is_as_it_should_be_is_not_altered() {
    let (world, owner) = World::of_an_owner(2).await;
    let written = "select xmin::text from pg_authid where rolname = $1";
    let read = || {
        sqlx::query_scalar::<_, String>(written)
            .bind(world.role(2).to_string())
            .fetch_one(&world.db.pool)
    };
    let before = read().await.unwrap();
    world.plant(2, "revoke usage on schema SCHEMA from ROLE").await;

    let fixed = mend(&owner).await;

    assert_eq!((fixed.done.len(), fixed.refused), (1, vec![]));
    assert_eq!(read().await.unwrap(), before);
}
