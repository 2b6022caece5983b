//! Tenants built in advance: who gets them, who does not, and what becomes of those that nobody may.

#![allow(clippy::unwrap_used, reason = "a failed helper fails the test")]

mod bench;

use std::{collections::BTreeSet, fs, path::Path, sync::Arc, time::Duration};

use domain::{ItemId, RoleName, SchemaName, TenantId};
use engine::{Step, StepCx};
use operations::{Executor, Parts, PoolView, SpareBuilder, steps::TakeSpare};
use sqlx::{AssertSqlSafe, PgPool};
use store::{StageLimits, spares, tenants::Place};

use crate::bench::{
    WORKER, claim, executor, item_state, parts, parts_from, register, remains, submit, tenant_state,
};

struct Pool {
    db: PgPool,
    builder: SpareBuilder,
    view: Arc<PoolView>,
    executor: Executor,
}

impl Pool {
    async fn of(db: &PgPool, parts: &Arc<Parts>) -> Self {
        register(db, WORKER).await;
        let view = Arc::new(PoolView::default());
        let executor = executor(db, parts, WORKER).with_pool(Arc::clone(&view));
        Self { db: db.clone(), builder: builder(db, parts), view, executor }
    }

    /// Builds so many, and knows of them.
    async fn fill(&self, spares: usize) {
        assert_eq!(self.builder.build(spares, spares).await.unwrap(), spares);
        self.view.note_ready(spares);
    }

    /// Works on an operation of one for each name, and says how many steps each took.
    async fn make(&self, names: &[&str]) -> Vec<i64> {
        let mut made: Vec<(ItemId, TenantId)> = Vec::new();
        for name in names {
            made.push(submit(&self.db, name).await);
        }
        let items: Vec<ItemId> = made.iter().map(|(item, _)| *item).collect();
        let claims = self.executor.claim(&items).await.unwrap();
        let sorted = self.executor.work_together(claims).await;
        for claim in sorted.left {
            self.executor.work(claim).await.unwrap();
        }
        let mut steps = Vec::new();
        for (item, tenant) in made {
            assert_eq!(item_state(&self.db, item).await, "succeeded");
            assert_eq!(tenant_state(&self.db, tenant).await, "active");
            assert_eq!(remains(&self.db, tenant).await, (true, true, true));
            steps.push(steps_of(&self.db, item).await);
        }
        steps
    }

    async fn ready(&self) -> u64 {
        self.builder.count().await.unwrap().ready
    }
}

fn builder(db: &PgPool, parts: &Arc<Parts>) -> SpareBuilder {
    let secs = Duration::from_secs;
    let limits = StageLimits { statement: secs(20), lock: secs(10), silence: secs(10) };
    SpareBuilder::new(db.clone(), Arc::clone(parts), limits)
}

async fn steps_of(db: &PgPool, item: ItemId) -> i64 {
    sqlx::query_scalar(
        "select jsonb_array_length(steps)::bigint from tenantry.checkpoints where item_id = $1",
    )
    .bind(item.get())
    .fetch_one(db)
    .await
    .unwrap()
}

/// The names of the oldest spare's schema and role.
async fn oldest(db: &PgPool, parts: &Parts) -> (String, String) {
    let oldest = sqlx::query_scalar("select min(id) from tenantry.spares").fetch_one(db).await;
    let id = TenantId::new(oldest.unwrap());
    (SchemaName::of_spare(id).to_string(), RoleName::of(&parts.installation, id).to_string())
}

/// Schemas and roles with a spare's name and mark.
async fn spares_there(db: &PgPool) -> (i64, i64) {
    sqlx::query_as(
        "select (select count(*) from pg_namespace where nspname ~ '^tenantry_spare_[0-9]+_$'),
                (select count(*) from pg_roles r, tenantry.installation i
                 where starts_with(r.rolname, 'tn_' || i.id || '_')
                   and not exists (select from tenantry.tenants t where t.role_name = r.rolname)
                   and r.rolname <> 'tn_' || i.id || '_tenants')",
    )
    .fetch_one(db)
    .await
    .unwrap()
}

/// A folder of migrations, the first `n` of two.
fn folder(n: usize) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let texts = ["create table a (x int);", "create table b (x int);"];
    for (number, text) in (1..).zip(texts).take(n) {
        fs::write(dir.path().join(format!("000{number}_t.sql")), text).unwrap();
    }
    dir
}

async fn parts_of(db: &PgPool, dir: &Path) -> Arc<Parts> {
    parts_from(db, dir).await
}

#[tokio::test]
async fn as_many_as_there_are_get_a_spare_and_the_others_are_built() {
    let db = harness::fresh_db().await;
    let pool = Pool::of(&db.pool, &parts(&db.pool).await).await;
    pool.fill(3).await;
    assert_eq!(spares_there(&db.pool).await, (3, 3));

    let mut steps = pool.make(&["anne", "bert", "cleo", "dora", "emil"]).await;

    steps.sort_unstable();
    assert_eq!(steps, [5, 5, 5, 8, 8]);
    assert_eq!((pool.ready().await, spares_there(&db.pool).await), (0, (0, 0)));
    assert!(!pool.view.take_doubt());
}

#[tokio::test]
async fn who_counts_on_spares_that_others_took_builds() {
    let db = harness::fresh_db().await;
    let pool = Pool::of(&db.pool, &parts(&db.pool).await).await;
    pool.builder.build(8, 1).await.unwrap();
    pool.view.note_ready(2);

    let steps = pool.make(&["anne", "bert"]).await;

    assert_eq!(steps, [8, 8]);
    assert_eq!((pool.ready().await, pool.view.ready()), (1, 0));
    assert!(pool.view.take_doubt());
}

#[tokio::test]
async fn a_spare_is_in_the_pool_again_when_its_stage_fails() {
    let db = harness::fresh_db().await;
    let parts = parts(&db.pool).await;
    let pool = Pool::of(&db.pool, &parts).await;
    pool.fill(2).await;
    sqlx::raw_sql("create schema \"foreign\"").execute(&db.pool).await.unwrap();
    let (item, _) = submit(&db.pool, "foreign").await;
    let (other, _) = submit(&db.pool, "other").await;

    let claims = pool.executor.claim(&[item, other]).await.unwrap();
    for claim in pool.executor.work_together(claims).await.left {
        pool.executor.work(claim).await.unwrap();
    }

    assert_eq!(item_state(&db.pool, item).await, "failed");
    assert_eq!(item_state(&db.pool, other).await, "succeeded");
    assert_eq!((pool.ready().await, spares_there(&db.pool).await), (2, (2, 2)));
    assert_eq!(pool.builder.weed_out().await.unwrap(), 0, "they are whole");
}

#[tokio::test]
async fn a_spare_of_older_migrations_is_taken_by_nobody_and_dropped() {
    let db = harness::fresh_db().await;
    let (old, new) = (folder(1), folder(2));
    let (old, new) = (parts_of(&db.pool, old.path()).await, parts_of(&db.pool, new.path()).await);
    builder(&db.pool, &old).build(8, 2).await.unwrap();
    let pool = Pool::of(&db.pool, &new).await;
    pool.view.note_ready(1);

    assert_eq!(pool.make(&["anne"]).await, [8]);

    assert_eq!(builder(&db.pool, &old).count().await.unwrap().ready, 2);
    assert!(pool.builder.drop_one(2).await.unwrap());
    assert!(pool.builder.drop_one(2).await.unwrap());
    assert!(!pool.builder.drop_one(2).await.unwrap());
    assert_eq!(spares_there(&db.pool).await, (0, 0));
}

#[tokio::test]
async fn spares_of_a_newer_release_are_left_to_it() {
    let db = harness::fresh_db().await;
    let (old, new) = (folder(1), folder(2));
    let (old, new) = (parts_of(&db.pool, old.path()).await, parts_of(&db.pool, new.path()).await);
    builder(&db.pool, &new).build(8, 1).await.unwrap();
    let older = builder(&db.pool, &old);

    assert!(!older.drop_one(1).await.unwrap());

    sqlx::query("update tenantry.spares set built_at = built_at - interval '1 hour'")
        .execute(&db.pool)
        .await
        .unwrap();
    assert!(older.drop_one(1).await.unwrap(), "nobody seems to want them");
}

#[tokio::test]
async fn two_that_fill_the_pool_at_once_build_no_more_than_its_size() {
    let db = harness::fresh_db().await;
    let parts = parts(&db.pool).await;
    let (one, other) = (builder(&db.pool, &parts), builder(&db.pool, &parts));

    for _ in 0..4 {
        let (a, b) = tokio::join!(one.build(3, 5), other.build(3, 5));
        a.unwrap();
        b.unwrap();
    }

    assert_eq!((one.count().await.unwrap().ready, spares_there(&db.pool).await), (5, (5, 5)));
}

#[tokio::test]
async fn the_first_row_of_a_spares_table_finds_its_files() {
    let db = harness::fresh_db().await;
    builder(&db.pool, &parts(&db.pool).await).build(3, 3).await.unwrap();

    let laid_out = "select count(*) from pg_class
        where relname = 'tenant' and starts_with(relnamespace::regnamespace::text, 'tenantry_spare_')
            and pg_relation_size(oid) > 0";
    let laid_out: i64 = sqlx::query_scalar(laid_out).fetch_one(&db.pool).await.unwrap();
    assert_eq!(laid_out, 3);
}

#[tokio::test]
async fn a_session_takes_first_what_it_built() {
    let db = harness::fresh_db().await;
    let mut sessions = [db.pool.acquire().await.unwrap(), db.pool.acquire().await.unwrap()];
    let spares: Vec<TenantId> = (1..=6).map(TenantId::new).collect();
    let prints = vec![String::new(); 3];
    for (session, spares) in sessions.iter_mut().zip(spares.chunks(3)) {
        spares::record(session, spares, &prints, "stamp", None).await.unwrap();
    }

    let place = Place { set_hash: String::new(), version: None };
    let mut taken = Vec::new();
    for (session, most) in [(1, 2), (0, 1), (1, 4)] {
        let tenants: Vec<TenantId> = (101..=100 + most).map(TenantId::new).collect();
        let conn = &mut sessions[session];
        let took = spares::take(conn, "stamp", &tenants, &place).await.unwrap();
        taken.push(took.iter().map(|spare| spare.id.get()).collect::<BTreeSet<_>>());
    }
    assert_eq!(taken, [[4, 5].into(), [1].into(), [2, 3, 6].into()]);
}

#[tokio::test]
async fn a_pool_made_smaller_loses_what_is_too_much() {
    let db = harness::fresh_db().await;
    let pool = Pool::of(&db.pool, &parts(&db.pool).await).await;
    pool.builder.build(8, 4).await.unwrap();

    while pool.builder.drop_one(1).await.unwrap() {}
    assert_eq!((pool.ready().await, spares_there(&db.pool).await), (1, (1, 1)));

    while pool.builder.drop_one(0).await.unwrap() {}
    assert_eq!((pool.ready().await, spares_there(&db.pool).await), (0, (0, 0)));
}

#[tokio::test]
async fn a_spare_that_somebody_broke_costs_no_tenant_and_is_weeded_out() {
    let db = harness::fresh_db().await;
    let pool = Pool::of(&db.pool, &parts(&db.pool).await).await;
    pool.fill(2).await;
    sqlx::raw_sql(
        "do $$ begin execute format('drop schema tenantry_spare_%s_ cascade',
             (select min(id) from tenantry.spares)); end $$",
    )
    .execute(&db.pool)
    .await
    .unwrap();

    assert_eq!(pool.make(&["anne"]).await, [8]);
    assert!(pool.view.take_doubt());
    assert_eq!(pool.builder.weed_out().await.unwrap(), 1);

    assert_eq!(spares_there(&db.pool).await, (1, 1));
    pool.view.note_ready(1);
    assert_eq!(pool.make(&["bert"]).await, [5]);
}

#[tokio::test]
async fn a_spare_that_somebody_changed_never_becomes_a_tenant() {
    for change in [
        "drop table SCHEMA.person",
        "alter table SCHEMA.person drop column email",
        "drop index SCHEMA.person_email",
        "grant usage on schema SCHEMA to public",
        "alter default privileges in schema SCHEMA grant select on tables to public",
        "alter role ROLE createdb",
        "alter role ROLE set work_mem to '64kB'",
        "grant pg_read_all_data to ROLE",
    ] {
        let db = harness::fresh_db().await;
        let parts = parts(&db.pool).await;
        let pool = Pool::of(&db.pool, &parts).await;
        pool.fill(2).await;
        let (schema, role) = oldest(&db.pool, &parts).await;
        let change = change.replace("SCHEMA", &schema).replace("ROLE", &role);
        sqlx::raw_sql(AssertSqlSafe(change.as_str())).execute(&db.pool).await.unwrap();

        assert_eq!(pool.make(&["anne"]).await, [8], "{change}");
        assert!(pool.view.take_doubt());
        assert_eq!(pool.builder.weed_out().await.unwrap(), 1, "{change}");

        assert_eq!(spares_there(&db.pool).await, (1, 1));
        pool.view.note_ready(1);
        assert_eq!(pool.make(&["bert"]).await, [5]);
    }
}

#[tokio::test]
async fn a_stranger_under_a_spares_name_is_left_alone() {
    let db = harness::fresh_db().await;
    let pool = Pool::of(&db.pool, &parts(&db.pool).await).await;
    pool.builder.build(8, 1).await.unwrap();
    sqlx::raw_sql(
        "do $$ declare name text := format('tenantry_spare_%s_', (select id from tenantry.spares)); begin
             execute format('drop schema %I cascade', name);
             execute format('create schema %I', name);
             execute format('create table %I.treasure (x int)', name);
         end $$",
    )
    .execute(&db.pool)
    .await
    .unwrap();

    assert_eq!(pool.builder.weed_out().await.unwrap(), 1);

    let treasures: i64 =
        sqlx::query_scalar("select count(*) from pg_class where relname = 'treasure'")
            .fetch_one(&db.pool)
            .await
            .unwrap();
    assert_eq!((treasures, pool.ready().await), (1, 0));
}

#[tokio::test]
async fn the_step_takes_one_spare_however_often_and_undone_leaves_nothing_of_it() {
    let db = harness::fresh_db().await;
    let parts = parts(&db.pool).await;
    let pool = Pool::of(&db.pool, &parts).await;
    pool.builder.build(8, 2).await.unwrap();
    let (item, tenant) = submit(&db.pool, "anne").await;
    let (claim, step) = (claim(&db.pool, item).await, TakeSpare(Arc::clone(&parts)));
    let mut conn = db.pool.acquire().await.unwrap();

    step.undo(&mut StepCx::new(&claim, &mut conn)).await.unwrap();
    step.apply(&mut StepCx::new(&claim, &mut conn)).await.unwrap();
    step.apply(&mut StepCx::new(&claim, &mut conn)).await.unwrap();
    assert_eq!(pool.ready().await, 1);
    assert_eq!(remains(&db.pool, tenant).await, (true, true, false));

    step.undo(&mut StepCx::new(&claim, &mut conn)).await.unwrap();
    step.undo(&mut StepCx::new(&claim, &mut conn)).await.unwrap();
    assert_eq!(remains(&db.pool, tenant).await, (false, false, false));
    assert_eq!((pool.ready().await, spares_there(&db.pool).await), (1, (1, 1)));
}

#[tokio::test]
async fn a_spare_that_may_not_be_dropped_leaves_the_pool_and_is_left_where_it_is() {
    let db = harness::fresh_db().await;
    let pool = Pool::of(&db.pool, &parts(&db.pool).await).await;
    pool.builder.build(8, 2).await.unwrap();
    // even a superuser may not, as the owner of restored roles may not from PostgreSQL 16 on
    let refuse = "create function refuse() returns event_trigger language plpgsql as $$ begin
             raise exception 'permission denied' using errcode = 'insufficient_privilege';
         end $$;
         create event trigger refuse on ddl_command_start when tag in ('DROP SCHEMA')
             execute function refuse()";
    sqlx::raw_sql(refuse).execute(&db.pool).await.unwrap();

    let dropped = pool.builder.drop_one(1).await.unwrap();

    assert!(dropped);
    assert_eq!(pool.ready().await, 1);
    assert_eq!(spares_there(&db.pool).await, (2, 2));
    assert!(!pool.builder.drop_one(1).await.unwrap(), "it was not to be tried again");
}

#[tokio::test]
async fn a_spare_whose_role_was_given_something_elsewhere_leaves_the_pool() {
    let db = harness::fresh_db().await;
    let parts = parts(&db.pool).await;
    let pool = Pool::of(&db.pool, &parts).await;
    pool.fill(2).await;
    let (_, role) = oldest(&db.pool, &parts).await;
    let grant = format!("grant usage on schema tenantry to {role}");
    sqlx::raw_sql(AssertSqlSafe(grant)).execute(&db.pool).await.unwrap();

    assert_eq!(pool.make(&["anne"]).await, [8], "it is built, without the spare");
    assert_eq!(pool.builder.weed_out().await.unwrap(), 1);

    assert_eq!((pool.ready().await, spares_there(&db.pool).await), (1, (2, 2)));
    assert_eq!(pool.builder.weed_out().await.unwrap(), 0);
}
