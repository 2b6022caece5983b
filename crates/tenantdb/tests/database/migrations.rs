//! Migrations land in their schema, whole or not at all.

use domain::Version;
use sqlx::AssertSqlSafe;
use tenantdb::migrations::{MigrateError, Moved, Target};
use tenantdb::{MigrationSet, schema};

use crate::support::{Tenant, count, execute, set_of, site};

const A: (&str, &str) = ("1_a.up.sql", "create table a (id int);");
const A_DOWN: (&str, &str) = ("1_a.down.sql", "drop table a;");
const B: (&str, &str) = ("2_b.up.sql", "create table b (id int);");
const B_DOWN: (&str, &str) = ("2_b.down.sql", "drop table b;");

fn version(number: i64) -> Option<Version> {
    (number > 0).then(|| Version::new(number.to_string()))
}

fn went(from: i64, to: i64, applied: &[i64], out_of_order: &[i64]) -> Moved {
    let versions = |numbers: &[i64]| numbers.iter().filter_map(|n| version(*n)).collect();
    let (applied, out_of_order) = (versions(applied), versions(out_of_order));
    Moved { from: version(from), to: version(to), applied, out_of_order, ..Moved::default() }
}

fn went_back(from: i64, to: i64, reverted: &[i64]) -> Moved {
    let reverted = reverted.iter().filter_map(|n| version(*n)).collect();
    Moved { from: version(from), to: version(to), reverted, ..Moved::default() }
}

async fn with_schema(tenant: &Tenant, conn: &mut sqlx::PgConnection) {
    schema::claim(conn, &tenant.schema, &tenant.mark).await.unwrap();
}

#[tokio::test]
async fn only_what_is_pending_is_applied() {
    let site = site().await;
    let tenant = site.tenant(1, "acme");
    let mut tx = site.begin().await;
    with_schema(&tenant, &mut tx).await;

    let first = tenant.apply(&mut tx, &set_of(&[A])).await.unwrap();
    let second = tenant.apply(&mut tx, &set_of(&[A, B])).await.unwrap();
    let third = tenant.apply(&mut tx, &set_of(&[A, B])).await.unwrap();

    assert_eq!(first, went(0, 1, &[1], &[]));
    assert_eq!(second, went(1, 2, &[2], &[]));
    assert_eq!(third, went(2, 2, &[], &[]));
    let rows = tenant.applied(&mut tx).await;
    let set = set_of(&[A, B]);
    let recorded: Vec<_> =
        rows.iter().map(|r| (&r.version, r.description.as_str(), &*r.checksum)).collect();
    let expected: Vec<_> =
        set.iter().map(|m| (m.version(), m.description(), m.checksum())).collect();
    assert_eq!(recorded, expected);
}

#[tokio::test]
async fn an_older_migration_that_came_late_is_applied_too() {
    let site = site().await;
    let tenant = site.tenant(1, "acme");
    let mut tx = site.begin().await;
    with_schema(&tenant, &mut tx).await;
    tenant.apply(&mut tx, &set_of(&[B])).await.unwrap();

    let late = tenant.apply(&mut tx, &set_of(&[A, B])).await.unwrap();

    assert_eq!(late, went(2, 2, &[1], &[1]));
    assert_eq!(count(&mut tx, "select count(*) from acme.a").await, 0);
}

#[tokio::test]
async fn an_empty_set_makes_an_empty_schema() {
    let site = site().await;
    let tenant = site.tenant(1, "acme");
    let mut tx = site.begin().await;
    with_schema(&tenant, &mut tx).await;

    for _ in 0..2 {
        let done = tenant.apply(&mut tx, &set_of(&[])).await.unwrap();
        assert_eq!(done, went(0, 0, &[], &[]));
    }
}

#[tokio::test]
async fn the_search_path_is_left_as_it_was_found() {
    let site = site().await;
    let tenant = site.tenant(1, "acme");
    let mut tx = site.begin().await;
    execute(&mut tx, "set local search_path to tenantry, pg_temp").await.unwrap();
    with_schema(&tenant, &mut tx).await;

    tenant.apply(&mut tx, &MigrationSet::embedded()).await.unwrap();
    tenant.revert(&mut tx, &MigrationSet::embedded(), Some(&Target::Start)).await.unwrap();

    let path: String = sqlx::query_scalar("show search_path").fetch_one(&mut *tx).await.unwrap();
    assert_eq!(path, "tenantry, pg_temp");
}

#[tokio::test]
async fn a_failure_names_version_file_and_line_and_leaves_nothing() {
    let site = site().await;
    let tenant = site.tenant(1, "acme");
    let set = set_of(&[A, ("2_b.sql", "create table b (id int);\n\n-- é\nselect nothing from b;")]);
    let mut tx = site.begin().await;
    with_schema(&tenant, &mut tx).await;

    let failed = tenant.apply(&mut tx, &set).await.unwrap_err();
    tx.rollback().await.unwrap();

    let told = failed.to_string();
    assert_eq!(told, "migration 2 (2_b.sql, line 4) failed");
    assert!(failed.database().is_some());
    let mut conn = site.db.pool.acquire().await.unwrap();
    let left = "select count(*) from pg_namespace where nspname = 'acme'";
    assert_eq!(count(&mut conn, left).await, 0);
}

#[tokio::test]
async fn a_failure_without_a_position_still_names_its_migration() {
    let site = site().await;
    let tenant = site.tenant(1, "acme");
    for failing in [
        "insert into a values (1), (1);",
        "do $$ begin\n\n\n\n raise exception 'inline_code_block line 3'; end $$",
        "create function f() returns int language plpgsql as $$ begin return 1/0; end $$; select f()",
        "select 'a\nb'::int",
    ] {
        let set = set_of(&[
            ("1_a.sql", "create table a (id int primary key);"),
            ("2_b.sql", failing),
            ("3_c.sql", "select 1"),
        ]);
        let mut tx = site.begin().await;
        with_schema(&tenant, &mut tx).await;

        let failed = tenant.apply(&mut tx, &set).await.unwrap_err();

        assert!(
            matches!(&failed, MigrateError::Failed { version, file, .. } if *version == "2" && file == "2_b.sql"),
            "{failing}: {failed:?}"
        );
    }
}

#[tokio::test]
async fn a_migration_that_fails_in_one_tenant_only_harms_no_other() {
    let site = site().await;
    let (good, bad) = (site.provisioned(1, "good").await, site.provisioned(2, "bad").await);
    site.run("insert into bad.person (email, full_name) values ('a', ''), ('b', '')").await;
    let mut files: Vec<(String, String)> = MigrationSet::embedded()
        .iter()
        .map(|m| (m.file().to_owned(), m.sql().to_owned()))
        .collect();
    files.push(("0003_names.sql".into(), "alter table person add unique (full_name);".into()));
    let files: Vec<_> = files.iter().map(|(f, s)| (f.as_str(), s.as_str())).collect();
    let set = set_of(&files);

    for (tenant, fine) in [(&bad, false), (&good, true)] {
        let mut tx = site.begin().await;
        let done = tenant.apply(&mut tx, &set).await;
        assert_eq!(done.is_ok(), fine, "{done:?}");
        if fine { tx.commit().await.unwrap() } else { tx.rollback().await.unwrap() }
    }

    let mut conn = site.db.pool.acquire().await.unwrap();
    let versions = |rows: Vec<_>| {
        rows.iter()
            .map(|r: &tenantdb::ledger::AppliedMigration| r.version.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(versions(good.applied(&mut conn).await), ["0001", "0002", "0003"]);
    assert_eq!(versions(bad.applied(&mut conn).await), ["0001", "0002"]);
}

#[tokio::test]
async fn an_edited_migration_is_refused_before_anything_runs() {
    let site = site().await;
    let tenant = site.tenant(1, "acme");
    let mut tx = site.begin().await;
    with_schema(&tenant, &mut tx).await;
    tenant.apply(&mut tx, &set_of(&[A])).await.unwrap();

    let edited = set_of(&[("1_a.up.sql", "create table a (id bigint);"), B]);
    let refused = tenant.apply(&mut tx, &edited).await.unwrap_err();

    assert!(matches!(&refused, MigrateError::Edited { version } if *version == "1"), "{refused:?}");
}

#[tokio::test]
async fn a_schema_newer_than_the_set_is_refused() {
    let site = site().await;
    let tenant = site.tenant(1, "acme");
    let mut tx = site.begin().await;
    with_schema(&tenant, &mut tx).await;
    tenant.apply(&mut tx, &set_of(&[A, B])).await.unwrap();

    let refused = tenant.apply(&mut tx, &set_of(&[A])).await.unwrap_err();

    assert!(
        matches!(&refused, MigrateError::Unknown { version } if *version == "2"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_migration_that_slips_past_the_lint_cannot_leave_schema_role_or_transaction() {
    let site = site().await;
    let tenant = site.tenant(1, "acme");
    site.run(
        "create function public.f() returns void language plpgsql as
        $$ begin perform set_config('search_path', 'public', true); end $$;
        create function public.g() returns void language plpgsql as
        $$ begin perform set_config('role', 'pg_monitor', true); end $$",
    )
    .await;
    let call = |name: &str| {
        format!("do $$ begin execute concat('select pub', 'lic', '.{name}()'); end $$")
    };
    for sneaky in [call("f"), call("g")] {
        let set = set_of(&[("1_a.sql", &sneaky)]);
        let mut tx = site.begin().await;
        with_schema(&tenant, &mut tx).await;

        let refused = tenant.apply(&mut tx, &set).await.unwrap_err();

        assert!(matches!(refused, MigrateError::Escaped), "{refused:?}");
    }
    let commit = set_of(&[A, ("2_b.sql", "do $$ begin execute concat('com', 'mit'); end $$")]);
    let mut tx = site.begin().await;
    with_schema(&tenant, &mut tx).await;
    let refused = tenant.apply(&mut tx, &commit).await.unwrap_err();
    assert!(
        matches!(&refused, MigrateError::Failed { version, .. } if *version == "2"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_missing_schema_is_an_error_and_public_stays_untouched() {
    let site = site().await;
    let tenant = site.tenant(1, "gone");
    let mut tx = site.begin().await;

    let refused = tenant.apply(&mut tx, &MigrationSet::embedded()).await.unwrap_err();
    tx.rollback().await.unwrap();

    assert!(refused.database().is_some(), "{refused:?}");
    let mut conn = site.db.pool.acquire().await.unwrap();
    assert_eq!(count(&mut conn, "select count(*) from pg_class where relname = 'person'").await, 0);
}

#[tokio::test]
async fn hostile_file_names_and_dollar_quotes_arrive_as_they_are() {
    let site = site().await;
    let tenant = site.tenant(1, "order"); // a reserved word
    let body = "create table \"a\"\"b\" (t text); insert into \"a\"\"b\" values ($$ $tenantry $ $$), ('$tenantryx$'), ('\\');";
    let set = set_of(&[("1_it's $tenantry$ \\ \"x\".sql", body)]);
    let mut tx = site.begin().await;
    with_schema(&tenant, &mut tx).await;

    tenant.apply(&mut tx, &set).await.unwrap();

    let rows = tenant.applied(&mut tx).await;
    assert_eq!(rows[0].description, "it's $tenantry$ \\ \"x\"");
    let texts: Vec<String> =
        sqlx::query_scalar(AssertSqlSafe("select t from \"order\".\"a\"\"b\""))
            .fetch_all(&mut *tx)
            .await
            .unwrap();
    assert_eq!(texts, [" $tenantry $ ", "$tenantryx$", "\\"]);
}

#[tokio::test]
async fn going_back_runs_newest_first_and_forgets_what_it_took_back() {
    let site = site().await;
    let tenant = site.tenant(1, "acme");
    // b hangs on a: the other order would fail
    let b = ("2_b.up.sql", "create view b as select id from a;");
    let b_down = ("2_b.down.sql", "drop view b;");
    let set = set_of(&[
        A,
        A_DOWN,
        b,
        b_down,
        ("3_c.up.sql", "create table c ()"),
        ("3_c.down.sql", "drop table c"),
    ]);
    let mut tx = site.begin().await;
    with_schema(&tenant, &mut tx).await;
    tenant.apply(&mut tx, &set).await.unwrap();

    let newest = tenant.revert(&mut tx, &set, None).await.unwrap();
    let all = tenant.revert(&mut tx, &set, Some(&Target::Start)).await.unwrap();
    let nothing = tenant.revert(&mut tx, &set, None).await.unwrap();

    assert_eq!(newest, went_back(3, 2, &[3]));
    assert_eq!(all, went_back(2, 0, &[2, 1]));
    assert_eq!(nothing, went_back(0, 0, &[]));
    assert_eq!(tenant.applied(&mut tx).await, []);
    let again = tenant.apply(&mut tx, &set).await.unwrap();
    assert_eq!(again.applied.len(), 3);
}

#[tokio::test]
async fn going_back_past_a_migration_without_a_way_back_is_refused() {
    let site = site().await;
    let tenant = site.tenant(1, "acme");
    let set = set_of(&[A, B, B_DOWN]);
    let mut tx = site.begin().await;
    with_schema(&tenant, &mut tx).await;
    tenant.apply(&mut tx, &set).await.unwrap();

    let refused = tenant.revert(&mut tx, &set, Some(&Target::Start)).await.unwrap_err();

    assert!(
        matches!(&refused, MigrateError::Irreversible { version } if *version == "1"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_failing_way_back_names_its_own_file() {
    let site = site().await;
    let tenant = site.tenant(1, "acme");
    let set = set_of(&[A, ("1_a.down.sql", "drop table a;\ndrop table gone;")]);
    let mut tx = site.begin().await;
    with_schema(&tenant, &mut tx).await;
    tenant.apply(&mut tx, &set).await.unwrap();

    let failed = tenant.revert(&mut tx, &set, None).await.unwrap_err();

    assert!(
        matches!(&failed, MigrateError::Failed { version, file, .. } if *version == "1" && file == "1_a.down.sql"),
        "{failed:?}"
    );
}
