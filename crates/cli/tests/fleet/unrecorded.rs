//! Tenants whose row in the ledger is missing, and edited files that tenants have.

use super::{Fleet, Value, holds, tenants_in};

const ADVICE: &str = "If an upgrade was interrupted, run `tenantry migrate public up`; otherwise record what it \
     has: `tenantry migrate tenant record --schema t_1 --at VERSION`";

impl Fleet {
    async fn sql(&self, sql: &'static str) {
        sqlx::raw_sql(sql).execute(&self.db.pool).await.unwrap();
    }

    async fn forget(&self) {
        self.sql("delete from tenantry.tenant_migrations where tenant_id = 1").await;
    }

    async fn empty(&self) {
        self.sql("drop table t_1.tenant, t_1.person cascade").await;
        let left = "select count(*) = 0 from pg_class where relnamespace = 't_1'::regnamespace";
        assert!(holds(&self.db.pool, left).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_row_nothing_runs_in_a_schema_that_is_not_empty() {
    let fleet = Fleet::of(2).await;
    // would run again without an error
    fleet.write(
        "0001_tenant.up.sql",
        "create table if not exists seed (x int); insert into seed values (1);",
    );
    fleet.write("0002_person.up.sql", "select 1;");
    fleet
        .sql(
            "create table t_1.seed (x int); insert into t_1.seed values (1); \
        delete from tenantry.tenant_migrations; delete from tenantry.tenants where id = 2",
        )
        .await;

    let up = fleet.run(&["up", "--all", "--json"]);

    assert_eq!(up.code, 1, "{}{}", up.out, up.err);
    let told = tenants_in(&up);
    let error = told[0]["error"].as_str().unwrap();
    let words = "tenant 1 has no record of its applied migrations, and its schema is not empty";
    assert!(error.contains(words) && error.contains("record --schema t_1 --at VERSION"), "{error}");
    assert_eq!(told[0]["code"], "migrations_unrecorded");
    assert!(holds(&fleet.db.pool, "select count(*) = 1 from t_1.seed").await);
    assert!(fleet.versions().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_row_all_files_run_in_an_empty_schema() {
    let fleet = Fleet::of(1).await;
    fleet.forget().await;
    fleet.empty().await;

    let up = fleet.run(&["up", "--all"]);

    assert_eq!(up.code, 0, "{}{}", up.out, up.err);
    assert_eq!(fleet.versions().await, [Some(2)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_row_is_made_without_a_version_for_an_empty_schema_alone() {
    let fleet = Fleet::of(2).await;
    fleet.forget().await;

    let refused = fleet.run(&["record", "--all"]);
    let then = fleet.versions().await;
    fleet.empty().await;
    let made = fleet.run(&["record", "--all"]);

    assert_eq!(refused.code, 1, "{}", refused.out);
    assert!(refused.out.contains("say --at VERSION"), "{}", refused.out);
    assert!(refused.err.contains("Failed tenants were not changed."), "{}", refused.err);
    assert_eq!(then, [Some(2)]);
    assert_eq!(made.code, 0, "{}{}", made.out, made.err);
    assert!(made.out.contains("recorded: has none; 2 are pending"), "{}", made.out);
    assert_eq!(fleet.versions().await, [None, Some(2)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn record_tells_what_a_schema_has_up_to_a_version_and_up_goes_on_from_there() {
    let fleet = Fleet::of(1).await;
    fleet.forget().await;
    fleet.write("0003_color.up.sql", "create table color ();");
    fleet.write("0004_shade.up.sql", "create table shade ();");
    let record = |at| fleet.run(&["record", "--schema", "t_1", "--at", at]);

    let unknown = record("7");
    let untouched = fleet.versions().await;
    let made = record("2");
    let up = fleet.run(&["up", "--all"]);
    let again = record("1");

    assert_eq!((unknown.code, made.code, up.code, again.code), (1, 0, 0, 1), "{up:?}");
    assert!(unknown.out.contains("there is no migration 7"), "{}", unknown.out);
    assert!(untouched.is_empty());
    assert!(made.out.contains("recorded: has 0001 to 0002; 2 are pending"), "{}", made.out);
    assert!(up.out.contains("applied 0003, applied 0004"), "{}", up.out);
    assert!(again.out.contains("--at does not change it"), "{}", again.out);
    assert_eq!(fleet.versions().await, [Some(4)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn status_says_how_a_missing_row_comes_back() {
    let fleet = Fleet::of(2).await;
    fleet.forget().await;

    for args in [&["status", "--all"][..], &["status", "--schema", "t_1"]] {
        let ran = fleet.run(args);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.err.contains(ADVICE), "{ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn public_up_fails_at_the_end_when_a_tenant_could_not_be_carried_over() {
    let fleet = Fleet::of(3).await;
    assert!(fleet.before_the_ledger().await);
    fleet.sql("alter table t_2.tenantry_migrations drop column checksum").await;

    let up = fleet.public(&["up"]);
    let json = fleet.public(&["up", "--json"]);

    assert_eq!((up.code, json.code), (1, 1), "{up:?}{json:?}");
    assert!(up.err.contains("the version tables of 2 tenants are in the ledger now"), "{up:?}");
    let told: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(told["ledger"]["without_row"][0]["schema"], "t_2");
    assert_eq!(fleet.versions().await, [Some(2), Some(2)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn relearn_refuses_an_edited_version_that_tenants_have() {
    let fleet = Fleet::of(3).await;
    assert_eq!(fleet.run(&["up", "--all"]).code, 0);
    assert_eq!(fleet.run(&["down", "--schema", "t_3", "--yes"]).code, 0);
    let known = "select md5(string_agg(p::text, ',' order by p::text)) from tenantry.promises p";
    let knew: String = sqlx::query_scalar(known).fetch_one(&fleet.db.pool).await.unwrap();
    fleet.write("0002_person.up.sql", "create table person (id int);");

    let refused = fleet.run(&["relearn"]);
    let knows: String = sqlx::query_scalar(known).fetch_one(&fleet.db.pool).await.unwrap();
    let audit = "select count(*) = 0 from tenantry.audit_log where action = 'migrations.relearnt'";
    let unaudited = holds(&fleet.db.pool, audit).await;
    fleet.sql("delete from tenantry.tenant_migrations where tenant_id < 3").await;
    let relearnt = fleet.run(&["relearn"]);

    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(
        refused.err.contains("0002") && refused.err.contains("2 tenants have it"),
        "{refused:?}"
    );
    assert!(knows == knew && unaudited);
    assert_eq!(relearnt.code, 0, "{relearnt:?}");
    assert!(relearnt.out.contains("version 0002 has another text now"), "{relearnt:?}");
}
