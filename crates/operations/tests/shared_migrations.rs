//! The application's own schema goes through the shared migrations.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the failure")]

use std::{fs, path::Path, time::Duration};

use domain::{RoleName, SchemaName, Version};
use harness::Db;
use operations::{SharedError, SharedMigrations};
use sqlx::{AssertSqlSafe, PgPool};
use tempfile::TempDir;
use tenantdb::{
    ledger,
    migrations::{MigrationSet, Target},
};

const PLANS: (&str, &str) = (
    "0001_plans.up.sql",
    "create table plans (code text primary key); insert into plans values ('free');",
);
const PLANS_DOWN: (&str, &str) = ("0001_plans.down.sql", "drop table plans;");
const INDEX: (&str, &str) = (
    "0002_index.up.sql",
    "-- no-transaction\ncreate index concurrently if not exists plans_code on plans (code);",
);
const INDEX_DOWN: (&str, &str) =
    ("0002_index.down.sql", "-- no-transaction\ndrop index concurrently if exists plans_code;");
const PRICE: (&str, &str) = ("0003_price.up.sql", "alter table plans add price int;");
const PRICE_DOWN: (&str, &str) = ("0003_price.down.sql", "alter table plans drop price;");
const ALL: &[(&str, &str)] = &[PLANS, PLANS_DOWN, INDEX, INDEX_DOWN, PRICE, PRICE_DOWN];

const DEAD_AFTER: Duration = Duration::from_secs(60);

struct Application {
    /// As a command's sessions are: another one is opened like them.
    pool: PgPool,
    _db: Db,
    dir: TempDir,
    schema: SchemaName,
}

impl Application {
    async fn with(schema: &str, files: &[(&str, &str)]) -> Self {
        let (db, dir) = (harness::fresh_db().await, tempfile::tempdir().unwrap());
        let schema = SchemaName::parse_shared(schema).unwrap();
        let options = store::with_settings((*db.pool.connect_options()).clone());
        let pool = PgPool::connect_lazy_with(options);
        let application = Self { pool, _db: db, dir, schema };
        files.iter().for_each(|(name, sql)| application.write(name, sql));
        application
    }

    fn write(&self, name: &str, sql: &str) {
        fs::write(self.dir.path().join(name), sql).unwrap();
    }

    fn migrations(&self) -> SharedMigrations {
        let set = MigrationSet::load(Path::new(self.dir.path())).unwrap();
        SharedMigrations { schema: self.schema.clone(), set }
    }

    async fn up(&self, to: Option<&str>) -> Result<Vec<String>, SharedError> {
        let to = to.map(|to| to.parse::<Target>().unwrap());
        texts(self.migrations().up(&self.pool, "cli:test", to.as_ref()).await)
    }

    async fn down(&self, to: &str) -> Result<Vec<String>, SharedError> {
        let to: Target = to.parse().unwrap();
        texts(self.migrations().down(&self.pool, "cli:test", &to, DEAD_AFTER).await)
    }

    async fn applied(&self) -> Vec<String> {
        let mut conn = self.pool.acquire().await.unwrap();
        let entry = ledger::application(&mut conn).await.unwrap();
        entry.into_iter().flat_map(|it| it.applied).map(|it| it.version.to_string()).collect()
    }

    async fn execute(&self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&self.pool).await.unwrap();
    }

    async fn is(&self, condition: &str) -> bool {
        let asked = format!("select {condition}");
        sqlx::query_scalar(AssertSqlSafe(asked)).fetch_one(&self.pool).await.unwrap()
    }
}

fn texts(done: Result<Vec<Version>, SharedError>) -> Result<Vec<String>, SharedError> {
    done.map(|versions| versions.iter().map(ToString::to_string).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_apply_each_file_once_and_the_audit_log_has_it() {
    let application = Application::with("public", ALL).await;

    let (one, other) = tokio::join!(application.up(None), application.up(None));

    let mut applied = [one.unwrap(), other.unwrap()].concat();
    applied.sort();
    assert_eq!(applied, ["0001", "0002", "0003"]);
    assert_eq!(application.applied().await, ["0001", "0002", "0003"]);
    assert!(application.is("count(*) = 1 from public.plans").await);
    let rows = "jsonb_agg(detail order by id)
        = '[{\"schema\": \"public\", \"applied\": [\"0001\"]},
            {\"schema\": \"public\", \"applied\": [\"0002\"]},
            {\"schema\": \"public\", \"applied\": [\"0003\"]}]'
        from tenantry.audit_log where action = 'shared.migrated' and actor = 'cli:test'";
    assert!(application.is(rows).await);
}

#[tokio::test]
async fn up_and_down_stop_at_a_version_and_go_on_from_there() {
    let application = Application::with("public", ALL).await;

    assert_eq!(application.up(Some("1")).await.unwrap(), ["0001"]);
    assert_eq!(application.up(Some("0002")).await.unwrap(), ["0002"]);
    assert_eq!(application.up(None).await.unwrap(), ["0003"]);
    assert_eq!(application.up(Some("1")).await.unwrap(), Vec::<String>::new());
    assert_eq!(application.down("1").await.unwrap(), ["0003", "0002"]);
    assert_eq!(application.applied().await, ["0001"]);
    assert!(application.is("to_regclass('public.plans_code') is null").await);
    assert_eq!(application.up(None).await.unwrap(), ["0002", "0003"]);
    assert_eq!(application.down("none").await.unwrap(), ["0003", "0002", "0001"]);
    assert!(application.applied().await.is_empty());
    let unknown = application.up(Some("9")).await.unwrap_err();
    assert_eq!(unknown.code(), "unknown_version");
}

#[tokio::test]
async fn a_file_that_fails_leaves_what_was_committed_before_and_an_edited_one_is_refused() {
    let bad = ("0003_price.up.sql", "alter table plans add price int; select 1 / 0;");
    let application = Application::with("public", &[PLANS, INDEX, bad]).await;

    let failed = application.up(None).await.unwrap_err();

    assert_eq!(failed.code(), "shared_migration_failed");
    assert!(telemetry::chain(&failed).contains("(0003_price.up.sql) failed"), "{failed:?}");
    assert_eq!(application.applied().await, ["0001", "0002"]);
    application.write(PRICE.0, PRICE.1);
    assert_eq!(application.up(None).await.unwrap(), ["0003"]);
    application.write(PRICE.0, "alter table plans add price bigint;");
    let edited = application.up(None).await.unwrap_err();
    assert_eq!(edited.code(), "shared_migration_edited");
}

#[tokio::test]
async fn a_schema_of_its_own_is_made_and_tenants_get_no_right_to_it() {
    let application = Application::with("catalogue", &[PLANS]).await;

    application.up(None).await.unwrap();

    let mut conn = application.pool.acquire().await.unwrap();
    let installation = store::installation(&mut conn).await.unwrap();
    let group = RoleName::group(&installation);
    let right = format!("has_schema_privilege('{}', 'catalogue', 'usage, create')", group.as_str());
    assert!(application.is("count(*) = 1 from catalogue.plans").await);
    assert!(!application.is(&right).await);
}

#[tokio::test]
async fn neither_a_tenants_schema_nor_a_second_one_is_taken() {
    let application = Application::with("acme", &[PLANS]).await;
    application
        .execute("create schema acme; comment on schema acme is 'tenantry:00000000:1'")
        .await;

    let of_a_tenant = application.up(None).await.unwrap_err();

    assert_eq!(of_a_tenant.code(), "shared_schema_unfit");
    assert!(application.is("to_regclass('acme.plans') is null").await);
    let public = Application { schema: SchemaName::parse_shared("public").unwrap(), ..application };
    public.up(None).await.unwrap();
    let elsewhere = Application { schema: SchemaName::parse("elsewhere").unwrap(), ..public };
    for refused in [elsewhere.up(None).await, elsewhere.down("none").await] {
        assert_eq!(refused.unwrap_err().code(), "shared_schema_unfit");
    }
}

#[tokio::test]
async fn what_tenants_need_is_not_taken_back() {
    let application = Application::with("public", ALL).await;
    application.up(None).await.unwrap();
    application
        .execute(
            "insert into tenantry.migration_sets
                 (hash, versions, descriptions, checksums, needs_shared)
             values ('x', '{1,2,3}', '{a,b,c}', '{a,b,c}', '{null,2,3}');
             insert into tenantry.tenant_migrations (tenant_id, set_hash, version) values (1, 'x', '2')",
        )
        .await;

    let needed = application.down("1").await.unwrap_err();
    let not_yet = application.down("2").await.unwrap();
    application
        .execute(
            "delete from tenantry.tenant_migrations;
             insert into tenantry.workers (id, host, pid, version, set_hash) values ('w', 'h', 1, 'v', 'x')",
        )
        .await;
    let of_a_worker = application.down("1").await.unwrap_err();

    assert!(matches!(needed, SharedError::Needed { version } if version == "2"));
    assert_eq!(not_yet, ["0003"], "no tenant has the file that needs it");
    assert!(matches!(of_a_worker, SharedError::Needed { .. }));
    application.execute("update tenantry.workers set stopped_at = now()").await;
    assert_eq!(application.down("1").await.unwrap(), ["0002"]);
}

#[tokio::test]
async fn a_table_in_use_is_waited_for() {
    let application = Application::with("public", ALL).await;
    application.up(Some("2")).await.unwrap();
    let mut reader = application.pool.begin().await.unwrap();
    sqlx::query("select from public.plans").execute(&mut *reader).await.unwrap();

    let up = application.up(None);
    let waits = async {
        let waiting =
            "exists (select from pg_locks where not granted and relation = 'plans'::regclass)";
        while !application.is(waiting).await {
            tokio::task::yield_now().await;
        }
        reader.rollback().await.unwrap();
    };
    let (applied, ()) = tokio::join!(up, waits);

    assert_eq!(applied.unwrap(), ["0003"]);
}
