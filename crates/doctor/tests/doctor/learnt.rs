//! Migrations that ask the whole database, and so make something else today than at first.

use doctor::{Depth, Kind, Report, Scope, Subject};
use domain::{InstallationId, RoleName, SchemaName, TenantId};
use harness::Db;
use sqlx::PgConnection;
use store::promises;
use tenantdb::{Mark, MigrationSet, Promise, grants, migrations, role, schema, survey_format};

use super::{plant, ward::tenant};

/// A constraint in each of the first five schemas, and in none of a later one.
const ASKS: &str = "
    create table a (n int);
    do $$ begin
        if (select count(*) from pg_class where relname = 'a') < 6 then
            alter table a add constraint a_pos check (n > 0);
        end if;
    end $$;";

/// Five tenants that were made with what was learnt before the first.
struct World {
    db: Db,
    set: MigrationSet,
}

impl World {
    async fn new(remembers: bool) -> Self {
        let db = harness::fresh_db().await;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("1_a.sql"), ASKS).unwrap();
        let world = Self { db, set: MigrationSet::load(folder.path()).unwrap() };
        let mut conn = world.db.pool.acquire().await.unwrap();
        let us = store::installation(&mut conn).await.unwrap();
        let promise = Promise::learn(&mut conn, &world.set).await.unwrap();
        if remembers {
            world.remember(&mut conn, &promise).await;
        }
        for id in 1..=5 {
            world.build(&mut conn, &us, id, &promise).await;
        }
        drop(conn);
        world
    }

    async fn remember(&self, conn: &mut PgConnection, promise: &Promise) {
        let key = promises::key(conn, self.set.hash(), survey_format()).await.unwrap();
        let shape = serde_json::to_value(promise.in_any_schema()).unwrap();
        promises::forget(conn, key).await.unwrap();
        promises::remember(conn, key, &shape).await.unwrap();
    }

    async fn build(
        &self,
        conn: &mut PgConnection,
        us: &InstallationId,
        id: i64,
        promise: &Promise,
    ) {
        let mark = Mark { installation: us.clone(), tenant: TenantId::new(id) };
        let name = SchemaName::parse(&format!("t_{id}")).unwrap();
        let user = RoleName::of(us, mark.tenant);
        role::claim(conn, &user, &name, 5, &mark, tenantdb::TenantPath::ALONE).await.unwrap();
        schema::claim(conn, &name, &mark).await.unwrap();
        migrations::apply(conn, mark.tenant, &name, &self.set).await.unwrap();
        grants::grant(conn, &name, &user, promise).await.unwrap();
        plant::tenants(conn, id..=id, "active").await;
    }

    fn scope(&self) -> Scope {
        let scope = Scope { depth: Depth::All, ..Scope::new(self.set.clone()) };
        scope.only([Kind::ShapeDiffers, Kind::PromiseDiffers])
    }

    async fn examine(&self) -> Report {
        doctor::examine(&self.db.pool, &self.scope()).await.unwrap()
    }
}

fn told(report: &Report) -> Vec<(Kind, Subject)> {
    report.findings.iter().map(|f| (f.kind, f.subject.clone())).collect()
}

fn of_the_set() -> (Kind, Subject) {
    (Kind::PromiseDiffers, Subject::Control("the tenant migrations".to_owned()))
}

#[tokio::test]
async fn tenants_are_held_against_what_was_learnt_first_and_what_the_set_makes_now_is_told_once() {
    let world = World::new(true).await;

    let report = world.examine().await;

    assert_eq!(told(&report), [of_the_set()], "{:#?}", report.findings);
    let sentence = &report.findings[0].sentence;
    let words = ["constraint a.a_pos is missing", "`tenantry migrate tenant relearn`"];
    assert!(words.iter().all(|words| sentence.contains(words)), "{sentence}");
    sqlx::query("alter table t_2.a drop constraint a_pos").execute(&world.db.pool).await.unwrap();
    let damaged = world.examine().await;
    assert_eq!(told(&damaged), [(Kind::ShapeDiffers, tenant(2)), of_the_set()]);
}

#[tokio::test]
async fn what_was_relearnt_or_never_remembered_is_what_the_set_makes_now() {
    let all = [1, 2, 3, 4, 5].map(|id| (Kind::ShapeDiffers, tenant(id)));
    let (never, relearnt) = (World::new(false).await, World::new(true).await);
    let mut conn = relearnt.db.pool.acquire().await.unwrap();
    let promise = Promise::learn(&mut conn, &relearnt.set).await.unwrap();
    relearnt.remember(&mut conn, &promise).await;

    for world in [never, relearnt] {
        assert_eq!(told(&world.examine().await), all);
    }
}

#[tokio::test]
async fn a_memory_that_cannot_be_read_is_told_and_ends_nothing() {
    let world = World::new(true).await;
    sqlx::query("update tenantry.promises set shape = '[1]'")
        .execute(&world.db.pool)
        .await
        .unwrap();

    let report = world.examine().await;

    assert!(told(&report).contains(&of_the_set()), "{:#?}", report.findings);
    assert!(report.findings.iter().any(|f| f.sentence.contains("cannot be read")));
}
