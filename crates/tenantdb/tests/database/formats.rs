//! Folders of migrations as tools make them: all of their tables, and back again.

use std::path::Path;

use tenantdb::migrations::{MigrateError, Target};
use tenantdb::{MigrationSet, Promise, grants, ledger, role, schema, verify};

use crate::support::{count, execute, site};

const TABLES: &str = "select count(*) from pg_class where relnamespace = 'acme'::regnamespace
    and relkind = 'r'";

/// A folder of two migrations, which make tables `a` and `b`.
struct Sample {
    format: &'static str,
    files: &'static [(&'static str, &'static str)],
    versions: [&'static str; 2],
    goes_back: bool,
}

const UP_A: &str = "create table a (id int primary key);";
const UP_B: &str = "create table b (id int references a);";

const SAMPLES: &[Sample] = &[
    Sample {
        format: "dated",
        files: &[("20250102_000001_a.sql", UP_A), ("20250102_000002_b.sql", UP_B)],
        versions: ["20250102_000001", "20250102_000002"],
        goes_back: false,
    },
    Sample {
        format: "sqlx",
        files: &[
            ("0001_a.up.sql", UP_A),
            ("0001_a.down.sql", "drop table a"),
            ("0010_b.up.sql", UP_B),
            ("0010_b.down.sql", "drop table b"),
        ],
        versions: ["0001", "0010"],
        goes_back: true,
    },
    Sample {
        format: "golang-migrate",
        files: &[
            ("0000_a.up.sql", UP_A),
            ("0000_a.down.sql", "drop table a"),
            ("0001_b.up.sql", "BEGIN;\ncreate table b (id int references a);\nCOMMIT;"),
            ("0001_b.down.sql", "drop table b"),
        ],
        versions: ["0000", "0001"],
        goes_back: true,
    },
    Sample {
        format: "dbmate",
        files: &[
            (
                "20240101000000_a.sql",
                "-- migrate:up\ncreate table a (id int primary key);\n\n-- migrate:down\ndrop table a;\n",
            ),
            (
                "20240102000000_b.sql",
                "-- migrate:up transaction:false\ncreate table b (id int references a);\n-- migrate:down\ndrop table b;",
            ),
        ],
        versions: ["20240101000000", "20240102000000"],
        goes_back: true,
    },
    Sample {
        format: "goose",
        files: &[
            (
                "00001_a.sql",
                "-- +goose Up\n-- +goose StatementBegin\ncreate table a (id int primary key);\n-- +goose StatementEnd\n\n-- +goose Down\ndrop table a;\n",
            ),
            (
                "00002_b.sql",
                "-- +goose NO TRANSACTION\n-- +goose Up\ncreate table b (id int references a);\ncreate index concurrently b_id on b (id);\n-- +goose Down\ndrop table b;",
            ),
        ],
        versions: ["00001", "00002"],
        goes_back: true,
    },
    Sample {
        format: "sql-migrate",
        files: &[
            (
                "1-a.sql",
                "-- +migrate Up\ncreate table a (id int primary key);\n-- +migrate Down\ndrop table a;\n",
            ),
            (
                "2-b.sql",
                "\n-- +migrate Up\ncreate table b (id int references a);\n-- +migrate Down\ndrop table b;",
            ),
        ],
        versions: ["1-a", "2-b"],
        goes_back: true,
    },
    Sample {
        format: "flyway",
        files: &[("V1__a.sql", UP_A), ("V1_1__b.sql", UP_B)],
        versions: ["1", "1.1"],
        goes_back: false,
    },
    Sample {
        format: "diesel",
        files: &[
            ("00000000000000_diesel_initial_setup/up.sql", UP_A),
            ("00000000000000_diesel_initial_setup/down.sql", "drop table a"),
            ("2024-01-02-000000_b/up.sql", UP_B),
            ("2024-01-02-000000_b/down.sql", "drop table b"),
        ],
        versions: ["00000000000000", "20240102000000"],
        goes_back: true,
    },
    Sample {
        format: "prisma",
        files: &[
            ("20240101000000_a/migration.sql", UP_A),
            ("20240102000000_b/migration.sql", UP_B),
            ("migration_lock.toml", "provider = \"postgresql\""),
        ],
        versions: ["20240101000000_a", "20240102000000_b"],
        goes_back: false,
    },
    Sample {
        format: "by-name",
        files: &[
            ("a.up.sql", UP_A),
            ("a.down.sql", "drop table a"),
            ("b.up.sql", UP_B),
            ("b.down.sql", "drop table b"),
        ],
        versions: ["a", "b"],
        goes_back: true,
    },
];

fn load(files: &[(&str, &str)]) -> MigrationSet {
    let folder = tempfile::tempdir().unwrap();
    for (name, sql) in files {
        let path = folder.path().join(Path::new(name));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, sql).unwrap();
    }
    MigrationSet::load(folder.path()).unwrap()
}

#[tokio::test]
async fn each_tools_folder_gives_a_tenant_all_its_tables_and_takes_them_back() {
    let site = site().await;
    let tenant = site.tenant(1, "acme");
    for Sample { format, files, versions, goes_back } in SAMPLES {
        let set = load(files);
        let mut tx = site.begin().await;
        schema::claim(&mut tx, &tenant.schema, &tenant.mark).await.unwrap();

        let done = tenant.apply(&mut tx, &set).await.unwrap();
        let tables = count(&mut tx, TABLES).await;
        let again = tenant.apply(&mut tx, &set).await.unwrap();
        let recorded = tenant.applied(&mut tx).await;

        let spelled: Vec<_> = recorded.iter().map(|row| row.version.as_str()).collect();
        assert_eq!(spelled, versions, "{format}");
        assert_eq!((done.applied.len(), tables, again.applied.len()), (2, 2, 0), "{format}");
        tx.commit().await.unwrap();
        if *goes_back {
            let back = set.segments_back(&Target::Start).unwrap();
            tenant.walk(&site, &set, &back).await.unwrap();
            assert_eq!(tenant.versions(&site).await, Vec::<String>::new(), "{format}");
            let mut conn = site.db.pool.acquire().await.unwrap();
            assert_eq!(count(&mut conn, TABLES).await, 0, "{format}");
        }
        let mut conn = site.db.pool.acquire().await.unwrap();
        schema::drop(&mut conn, &tenant.schema).await.unwrap();
        ledger::forget(&mut conn, tenant.mark.tenant).await.unwrap();
        drop(conn);
        let mut conn = site.db.pool.acquire().await.unwrap();
        Promise::learn(&mut conn, &set).await.unwrap();
    }
}

#[tokio::test]
async fn an_index_made_concurrently_is_made_for_a_new_tenant_and_refused_for_one_that_has_rows() {
    let site = site().await;
    let tenant = site.tenant(1, "acme");
    let index = ("2_i.sql", "-- no-transaction\ncreate index concurrently a_id on a (id);");
    let mut tx = site.begin().await;
    schema::claim(&mut tx, &tenant.schema, &tenant.mark).await.unwrap();
    tenant.apply(&mut tx, &load(&[("1_a.sql", UP_A)])).await.unwrap();

    let set = load(&[("1_a.sql", UP_A), index]);
    let refused = tenant.apply(&mut tx, &set).await.unwrap_err();
    execute(&mut tx, "drop table acme.a").await.unwrap();
    ledger::forget(&mut tx, tenant.mark.tenant).await.unwrap();
    let new = tenant.apply(&mut tx, &set).await.unwrap();

    assert!(
        matches!(refused, MigrateError::SeveralTransactions { alone: true, .. }),
        "{refused:?}"
    );
    assert!(refused.to_string().contains("2 (2_i.sql) runs outside any"), "{refused}");
    assert_eq!(new.applied.len(), 2);
}

#[tokio::test]
async fn what_a_file_deferred_is_checked_before_the_next_and_deferred_again() {
    let site = site().await;
    let tenant = site.tenant(1, "acme");
    let first = "create table p (id int primary key);
        create table c (p int references p deferrable initially deferred);
        insert into c values (1); insert into p values (1);";
    let set = load(&[
        ("1_a.sql", first),
        ("2_b.sql", "insert into c values (2); insert into p values (2);"),
        ("3_c.sql", "alter table c add n text;"),
    ]);
    let broken =
        load(&[("1_a.sql", first), ("2_b.sql", "insert into c values (9);"), ("3_c.sql", "")]);

    let mut tx = site.begin().await;
    schema::claim(&mut tx, &tenant.schema, &tenant.mark).await.unwrap();
    tenant.apply(&mut tx, &set).await.unwrap();
    tx.rollback().await.unwrap();
    let mut tx = site.begin().await;
    schema::claim(&mut tx, &tenant.schema, &tenant.mark).await.unwrap();
    let failed = tenant.apply(&mut tx, &broken).await.unwrap_err();

    assert!(failed.to_string().starts_with("migration 2 (2_b.sql) failed"), "{failed}");
}

#[tokio::test]
async fn an_enum_value_used_before_it_is_committed_is_refused_with_file_reason_and_rewrite() {
    let site = site().await;
    let set = load(&[
        ("1_a.sql", "create type mood as enum ('a');"),
        ("2_b.sql", "alter type mood add value 'b';"),
        ("3_c.sql", "\ncreate table t (m mood default 'b'); insert into t default values;"),
    ]);

    // a type made in the same transaction may be used; one that was there may not
    let mut tx = site.begin().await;
    let tenant = site.tenant(1, "acme");
    schema::claim(&mut tx, &tenant.schema, &tenant.mark).await.unwrap();
    tenant.apply(&mut tx, &load(&[("1_a.sql", "create type mood as enum ('a');")])).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = site.begin().await;
    let refused = tenant.apply(&mut tx, &set).await.unwrap_err();

    let told = refused.to_string();
    assert!(told.contains("3_c.sql") && told.contains("`-- no-transaction`"), "{told}");
}

#[tokio::test]
async fn a_file_may_end_in_select_into_and_in_a_comment() {
    let site = site().await;
    let tenant = site.tenant(1, "acme");
    let set =
        load(&[("1_a.sql", UP_A), ("2_b.sql", "select * into t1 from a"), ("3_c.sql", "-- x")]);
    let mut tx = site.begin().await;
    schema::claim(&mut tx, &tenant.schema, &tenant.mark).await.unwrap();

    tenant.apply(&mut tx, &set).await.unwrap();

    assert_eq!(count(&mut tx, TABLES).await, 2);
}

#[tokio::test]
async fn a_schema_whose_name_is_kept_as_a_text_is_as_promised() {
    let site = site().await;
    let set = load(&[(
        "1_a.sql",
        "-- tenantry: allow security definer
         create table a (n int);
         do $$ begin execute format('alter table a add s text default %L', current_schema()); end $$;
         create function tf() returns trigger language plpgsql as 'begin return new; end';
         do $$ begin execute format('create trigger t before insert on a for each row
             execute function tf(%L)', current_schema()); end $$;
         create function f() returns bigint language sql security definer
             set search_path from current as 'select count(*) from a';",
    )]);
    let mut conn = site.db.pool.acquire().await.unwrap();
    let promise = Promise::learn(&mut conn, &set).await.unwrap();
    assert_eq!(promise.repeats(&mut conn, &set).await.unwrap(), Vec::<String>::new());
    drop(conn);
    // a reserved word is spelled with quotes
    for (id, name) in [(1, "acme"), (2, "order")] {
        let tenant = site.tenant(id, name);
        let mut tx = site.begin().await;
        role::claim(
            &mut tx,
            &tenant.role,
            &tenant.schema,
            5,
            &tenant.mark,
            tenantdb::TenantPath::ALONE,
        )
        .await
        .unwrap();
        schema::claim(&mut tx, &tenant.schema, &tenant.mark).await.unwrap();
        tenant.apply(&mut tx, &set).await.unwrap();
        grants::grant(&mut tx, &tenant.schema, &tenant.role, &promise).await.unwrap();

        let told = verify::verify(&mut tx, &tenant.subject(), &promise).await;

        assert!(told.is_ok(), "{name}: {told:?}");
        tx.rollback().await.unwrap();
    }
}
