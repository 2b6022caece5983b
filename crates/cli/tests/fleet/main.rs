//! The tenants' migrations, on a real database with real tenants.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

#[path = "../support/mod.rs"]
mod support;
mod unrecorded;

use std::{fs, path::Path};

use domain::{InstallationId, RoleName, SchemaName, TenantId};
use harness::Db;
use serde_json::Value;
use sqlx::PgPool;
use support::{Ran, tenantry};
use tempfile::TempDir;
use tenantdb::{
    Mark, Promise,
    migrations::{self, MigrationSet},
};

/// A database with active tenants `t_1` to `t_<n>`, and a folder of migrations beside it.
struct Fleet {
    db: Db,
    dir: TempDir,
    installation: InstallationId,
}

impl Fleet {
    async fn of(tenants: i64) -> Self {
        let db = harness::fresh_db().await;
        let mut conn = db.pool.acquire().await.unwrap();
        let installation = store::installation(&mut conn).await.unwrap();
        drop(conn);
        let dir = tempfile::tempdir().unwrap();
        let fleet = Self { db, dir, installation };
        for id in 1..=tenants {
            fleet.add(id).await;
        }
        assert_eq!(fleet.run(&["init"]).code, 0);
        fleet
    }

    async fn add(&self, id: i64) {
        let (tenant, schema, role) = (TenantId::new(id), schema(id), self.role(id));
        let mark = Mark { installation: self.installation.clone(), tenant };
        let mut tx = self.db.pool.begin().await.unwrap();
        sqlx::query(
            "insert into tenantry.tenants (id, name, domain, schema_name, role_name)
             values ($1, $2, $2 || '.example', $2, $3)",
        )
        .bind(id)
        .bind(schema.as_str())
        .bind(role.as_str())
        .execute(&mut *tx)
        .await
        .unwrap();
        tenantdb::role::claim(&mut tx, &role, &schema, 5, &mark, tenantdb::TenantPath::ALONE)
            .await
            .unwrap();
        tenantdb::schema::claim(&mut tx, &schema, &mark).await.unwrap();
        let set = MigrationSet::embedded();
        migrations::apply(&mut tx, tenant, &schema, &set).await.unwrap();
        let promise = Promise::learn(&mut tx, &set).await.unwrap();
        tenantdb::grants::grant(&mut tx, &schema, &role, &promise).await.unwrap();
        let activation = store::tenants::Activation {
            tenant,
            operation: domain::OperationId::mint(),
            detail: serde_json::json!({}),
        };
        let activated = store::tenants::activate(&mut tx, &[activation], "cli:test").await;
        assert_eq!(activated.unwrap(), 1);
        tx.commit().await.unwrap();
    }

    fn role(&self, id: i64) -> RoleName {
        RoleName::of(&self.installation, TenantId::new(id))
    }

    fn folder(&self) -> std::path::PathBuf {
        self.dir.path().join("migrations")
    }

    fn write(&self, name: &str, sql: &str) {
        fs::write(self.folder().join(name), sql).unwrap();
    }

    fn run(&self, args: &[&str]) -> Ran {
        let folder = self.folder();
        let env = [
            ("DATABASE_URL", self.db.url.as_str()),
            ("TENANT_MIGRATIONS_DIR", folder.to_str().unwrap()),
        ];
        let all: Vec<&str> = ["migrate", "tenant"].iter().chain(args).copied().collect();
        tenantry(Path::new(self.dir.path()), &all, &env)
    }

    /// Each tenant's version in the ledger, by id.
    async fn versions(&self) -> Vec<Option<i64>> {
        let query = "select version::bigint from tenantry.tenant_migrations order by tenant_id";
        sqlx::query_scalar(query).fetch_all(&self.db.pool).await.unwrap()
    }
}

impl Fleet {
    fn public(&self, args: &[&str]) -> Ran {
        let all: Vec<&str> = ["migrate", "public"].iter().chain(args).copied().collect();
        tenantry(self.dir.path(), &all, &[("DATABASE_URL", self.db.url.as_str())])
    }

    /// Goes back to the release that had no ledger; says whether that is reached.
    async fn before_the_ledger(&self) -> bool {
        let without = "select to_regclass('tenantry.tenant_migrations') is null";
        while !holds(&self.db.pool, without).await {
            if self.public(&["down", "--yes"]).code != 0 {
                return false;
            }
        }
        true
    }

    async fn ledger(&self) -> Vec<(i64, String, Option<String>)> {
        let query =
            "select tenant_id, set_hash, version from tenantry.tenant_migrations order by 1";
        sqlx::query_as(query).fetch_all(&self.db.pool).await.unwrap()
    }
}

fn schema(id: i64) -> SchemaName {
    SchemaName::parse(&format!("t_{id}")).unwrap()
}

async fn holds(pool: &PgPool, question: &'static str) -> bool {
    sqlx::query_scalar(question).fetch_one(pool).await.unwrap()
}

fn tenants_in(ran: &Ran) -> Vec<Value> {
    let told: Value = serde_json::from_str(&ran.out).unwrap();
    told["tenants"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_tenant_does_not_stop_the_others() {
    let fleet = Fleet::of(5).await;
    sqlx::query("create table t_3.color ()").execute(&fleet.db.pool).await.unwrap();
    fleet.write("0003_color.up.sql", "create table color (name text primary key);");

    let ran = fleet.run(&["up", "--all", "--concurrency", "3", "--json"]);

    assert_eq!(ran.code, 1, "{}", ran.err);
    let told = tenants_in(&ran);
    let errors: Vec<_> = told.iter().filter(|t| !t["error"].is_null()).collect();
    assert_eq!((told.len(), errors.len()), (5, 1), "{}", ran.out);
    assert_eq!(errors[0]["schema"], "t_3");
    assert!(errors[0]["error"].as_str().unwrap().contains("0003_color.up.sql"), "{}", ran.out);
    assert_eq!(fleet.versions().await, [Some(3), Some(3), Some(2), Some(3), Some(3)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_whose_names_cannot_be_read_fails_by_itself_and_the_others_go_on() {
    let fleet = Fleet::of(5).await;
    fleet.write("0003_color.up.sql", "create table color (name text primary key);");
    for odd in [
        "update tenantry.tenants set role_name = role_name || 'x' where id = 5",
        "update tenantry.tenants set schema_name = 'no such' where id = 2",
    ] {
        sqlx::query(odd).execute(&fleet.db.pool).await.unwrap();
    }

    let ran = fleet.run(&["up", "--all", "--json"]);
    let status = fleet.run(&["status", "--all", "--json"]);

    assert_eq!((ran.code, status.code), (1, 1), "{}{}", ran.err, status.err);
    let told = tenants_in(&ran);
    let errors: Vec<_> = told.iter().filter_map(|t| t["error"].as_str()).collect();
    assert_eq!((told.len(), errors.len()), (5, 2), "{}", ran.out);
    assert!(errors.iter().any(|error| error.contains("role_name")), "{errors:?}");
    assert!(errors.iter().any(|error| error.contains("schema_name")), "{errors:?}");
    assert_eq!(fleet.versions().await, [Some(3), Some(2), Some(3), Some(3), Some(2)]);
    assert_eq!(tenants_in(&status).len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_table_is_usable_by_its_tenant_and_by_no_other() {
    let fleet = Fleet::of(2).await;
    fleet.write("0003_color.up.sql", "create table color (name text primary key);");

    let ran = fleet.run(&["up", "--all"]);

    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let may = "select has_table_privilege($1, 't_1.color', 'select, insert, update, delete')
        and has_schema_privilege($1, 't_1', 'usage')";
    for (id, expected) in [(1, true), (2, false)] {
        let allowed: bool = sqlx::query_scalar(may)
            .bind(fleet.role(id).as_str())
            .fetch_one(&fleet.db.pool)
            .await
            .unwrap();
        assert_eq!(allowed, expected, "tenant {id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_migration_is_refused_and_nothing_moves() {
    let fleet = Fleet::of(2).await;
    fleet.write("0001_tenant.up.sql", "create table tenant (id int);");
    fleet.write("0003_color.up.sql", "create table color (name text primary key);");

    let ran = fleet.run(&["up", "--all"]);

    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("edited"), "{}", ran.out);
    assert_eq!(fleet.versions().await, [Some(2), Some(2)]);
    assert!(holds(&fleet.db.pool, "select to_regclass('t_1.color') is null").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn goes_down_and_up_again_and_the_audit_says_who_did() {
    let fleet = Fleet::of(3).await;

    let down = fleet.run(&["down", "--all", "--yes"]);
    let between = fleet.versions().await;
    let behind = fleet.run(&["status", "--all"]);
    let up = fleet.run(&["up", "--all"]);

    assert_eq!((down.code, up.code), (0, 0), "{}{}", down.err, up.err);
    assert_eq!(between, [Some(1); 3]);
    assert_eq!(behind.code, 1, "{}", behind.out);
    assert_eq!(fleet.versions().await, [Some(2); 3]);
    let audited = "select (select count(*) = 2 from tenantry.audit_log
            where action = 'operation.submitted' and actor like 'cli:%')
        and count(*) = 6 and count(distinct operation_id) = 2 from tenantry.audit_log
        where action = 'tenant.migrated' and tenant_id is not null";
    assert!(holds(&fleet.db.pool, audited).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn goes_back_to_the_very_beginning() {
    let fleet = Fleet::of(1).await;

    let ran = fleet.run(&["down", "--schema", "t_1", "--to", "0", "--yes"]);

    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(fleet.versions().await, [None]);
    assert!(holds(&fleet.db.pool, "select to_regclass('t_1.tenant') is null").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_by_name_is_the_only_one_touched() {
    let fleet = Fleet::of(2).await;
    fleet.write("0003_color.up.sql", "create table color (name text primary key);");

    let one = fleet.run(&["up", "--schema", "t_2"]);
    let nobody = fleet.run(&["up", "--schema", "tenantless"]);

    assert_eq!(one.code, 0, "{}", one.err);
    assert_eq!(fleet.versions().await, [Some(2), Some(3)]);
    assert_eq!(nobody.code, 1);
    assert!(nobody.err.contains("no active or suspended tenant"), "{}", nobody.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_leaves_the_schema_is_refused_before_anything_runs() {
    let fleet = Fleet::of(1).await;
    fleet.write("0003_leave.up.sql", "create table color ();\ncommit;");

    let ran = fleet.run(&["up", "--all"]);
    let status = fleet.run(&["status", "--all"]);

    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("0003_leave.up.sql:2"), "{}", ran.err);
    assert!(status.err.contains("no tenant was looked at or changed"), "{}", status.err);
    assert_eq!(fleet.versions().await, [Some(2)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_works_nowhere_touches_no_tenant() {
    let fleet = Fleet::of(2).await;
    fleet.write("0003_broken.up.sql", "alter table no_such_table add column x int;");

    let ran = fleet.run(&["up", "--all"]);

    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("0003_broken.up.sql"), "{}", ran.err);
    assert!(ran.err.contains("no tenant was touched"), "{}", ran.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lower_version_that_comes_later_is_pending_and_applied_out_of_order() {
    let fleet = Fleet::of(2).await;
    fleet.write("0004_later.up.sql", "create table later ();");
    assert_eq!(fleet.run(&["up", "--all"]).code, 0);
    fleet.write("0003_between.up.sql", "create table between_them ();");

    let status = fleet.run(&["status", "--all"]);
    let told = fleet.run(&["status", "--all", "--json"]);
    let up = fleet.run(&["up", "--all"]);
    let again = fleet.run(&["status", "--all"]);

    assert_eq!(status.code, 1, "{}", status.out);
    assert!(status.out.contains("0003"), "{}", status.out);
    assert_eq!(tenants_in(&told)[0]["pending"], serde_json::json!(["0003"]), "{}", told.out);
    assert_eq!(up.code, 0, "{}", up.err);
    assert!(up.out.contains("applied 0003 (out of order)"), "{}", up.out);
    assert!(up.out.contains("2 migrated, 0 up to date"), "{}", up.out);
    assert_eq!(again.code, 0, "{}", again.out);
    assert_eq!(fleet.versions().await, [Some(4); 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_goes_back_into_version_tables_and_is_made_of_them_again() {
    let fleet = Fleet::of(3).await;
    let before = fleet.ledger().await;

    let down = fleet.before_the_ledger().await;
    let rights =
        "select bool_and(has_table_privilege(role_name, schema_name || '.tenantry_migrations',
            'select') and not has_table_privilege(role_name, schema_name || '.tenantry_migrations',
            'insert, update, delete, truncate')) and count(*) = 3
            and bool_and(migration_version = '0002') from tenantry.tenants";
    let as_before = holds(&fleet.db.pool, rights).await;
    let rows = "select count(*) = 2 from t_2.tenantry_migrations";
    let complete = holds(&fleet.db.pool, rows).await;
    let up = fleet.public(&["up"]);
    let status = fleet.run(&["status", "--all"]);

    assert!(down && as_before && complete);
    assert_eq!(up.code, 0, "{}{}", up.out, up.err);
    assert!(up.err.contains("the version tables of 3 tenants are in the ledger now"), "{}", up.err);
    assert_eq!(fleet.ledger().await, before);
    assert_eq!(status.code, 0, "{}", status.out);
    let none = "select count(*) = 0 from pg_class where relname = 'tenantry_migrations'";
    assert!(holds(&fleet.db.pool, none).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_whose_set_changes_and_nothing_else_keeps_its_time_of_change() {
    let fleet = Fleet::of(1).await;
    let rename = "insert into tenantry.migration_sets
            select 'same', versions, descriptions, checksums from tenantry.migration_sets;
        update tenantry.tenant_migrations set set_hash = 'same';
        update tenantry.tenants set updated_at = '2020-01-01'";
    sqlx::raw_sql(rename).execute(&fleet.db.pool).await.unwrap();

    let up = fleet.run(&["up", "--all"]);

    assert_eq!(up.code, 0, "{}", up.err);
    assert!(up.out.contains("0 migrated, 1 up to date"), "{}", up.out);
    let kept = "select t.updated_at = '2020-01-01' and m.set_hash <> 'same'
        from tenantry.tenants t join tenantry.tenant_migrations m on m.tenant_id = t.id";
    assert!(holds(&fleet.db.pool, kept).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_at_the_newest_version_is_not_locked_and_its_schemas_are_not_read() {
    let fleet = Fleet::of(3).await;
    let lockable = "insert into tenantry.tenant_locks select id from tenantry.tenants";
    sqlx::query(lockable).execute(&fleet.db.pool).await.unwrap();
    let mut tx = fleet.db.pool.begin().await.unwrap();
    sqlx::raw_sql(
        "select from tenantry.tenant_locks for update;
         lock table t_1.person, t_2.person, t_3.person in access exclusive mode",
    )
    .execute(&mut *tx)
    .await
    .unwrap();

    let up = fleet.run(&["up", "--all"]);
    let status = fleet.run(&["status", "--all"]);

    assert_eq!((up.code, status.code), (0, 0), "{}{}", up.err, status.err);
    assert!(up.out.contains("3 tenants: 0 migrated, 3 up to date, 0 failed"), "{}", up.out);
    assert!(
        status.out.contains("3 of 3 tenants have all migrations (newest 0002)"),
        "{}",
        status.out
    );
}
