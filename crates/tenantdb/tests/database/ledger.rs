//! The ledger says what each tenant has, and nothing in its schema does.

use domain::TenantId;
use sqlx::PgConnection;
use tenantdb::ledger::{self, Entry};
use tenantdb::migrations::{MigrateError, Target};
use tenantdb::newcomers;
use tenantdb::{Promise, schema, verify};

use crate::support::{Tenant, count, execute, set_of, site};

const A: (&str, &str) = ("0001_a.up.sql", "create table a ();");
const A_DOWN: (&str, &str) = ("0001_a.down.sql", "drop table a;");
const B: (&str, &str) = ("0002_b.up.sql", "create table b ();");
const B_DOWN: (&str, &str) = ("0002_b.down.sql", "drop table b;");
const C: (&str, &str) = ("0003_c.up.sql", "create table c ();");

async fn entry(conn: &mut PgConnection, tenant: &Tenant) -> Option<Entry> {
    ledger::read(conn, &[tenant.mark.tenant]).await.unwrap().pop().flatten()
}

async fn with_schema(tenant: &Tenant, conn: &mut PgConnection) {
    schema::claim(conn, &tenant.schema, &tenant.mark).await.unwrap();
}

/// Puts the tenant's row back into a version table, as the releases before kept it.
async fn as_before(tenant: &Tenant, conn: &mut PgConnection, type_of_version: &str) {
    let schema = tenant.schema.as_str();
    let table = format!(
        "create table {schema}.tenantry_migrations (version {type_of_version} primary key,
             description varchar(200) not null, checksum varchar(96) not null,
             applied_at timestamptz not null default now())"
    );
    execute(conn, &table).await.unwrap();
    for had in tenant.applied(conn).await {
        let (version, description, checksum) = (had.version, had.description, had.checksum);
        let insert = format!(
            "insert into {schema}.tenantry_migrations
             values (('{version}'::text)::{type_of_version}, '{description}', '{checksum}')"
        );
        execute(conn, &insert).await.unwrap();
    }
    ledger::forget(conn, tenant.mark.tenant).await.unwrap();
}

async fn has_version_table(conn: &mut PgConnection) -> bool {
    count(conn, "select count(*) from pg_class where relname = 'tenantry_migrations'").await > 0
}

#[tokio::test]
async fn the_row_names_the_set_and_the_version_reached_and_the_schema_holds_no_record() {
    let site = site().await;
    let tenant = site.tenant(1, "acme");
    let set = set_of(&[A, A_DOWN, B, B_DOWN]);
    let mut tx = site.begin().await;
    with_schema(&tenant, &mut tx).await;

    tenant.apply(&mut tx, &set).await.unwrap();
    let up = entry(&mut tx, &tenant).await.unwrap();
    tenant.revert(&mut tx, &set, None).await.unwrap();
    let down = entry(&mut tx, &tenant).await.unwrap();
    tenant.revert(&mut tx, &set, Some(&Target::Start)).await.unwrap();
    let start = entry(&mut tx, &tenant).await.unwrap();

    assert!(up.is_all_of(&set));
    let stood = |entry: Entry| (entry.set_hash, entry.version, entry.applied.len());
    assert_eq!(stood(down), (set.hash().to_owned(), Some("0001".into()), 1));
    assert_eq!(stood(start), (set.hash().to_owned(), None, 0));
    assert!(!has_version_table(&mut tx).await);
}

#[tokio::test]
async fn a_migration_that_is_rolled_back_leaves_the_row_as_it_was() {
    let site = site().await;
    let tenant = site.tenant(1, "acme");
    let mut tx = site.begin().await;
    with_schema(&tenant, &mut tx).await;
    tenant.apply(&mut tx, &set_of(&[A])).await.unwrap();
    tx.commit().await.unwrap();
    let mut conn = site.db.pool.acquire().await.unwrap();
    let before = entry(&mut conn, &tenant).await;

    let mut tx = site.begin().await;
    tenant.apply(&mut tx, &set_of(&[A, ("0002_b.sql", "select 1/0")])).await.unwrap_err();
    tx.rollback().await.unwrap();
    let mut tx = site.begin().await;
    tenant.apply(&mut tx, &set_of(&[A, B])).await.unwrap();
    tx.rollback().await.unwrap();

    assert!(before.is_some());
    assert_eq!(entry(&mut conn, &tenant).await, before);
}

#[tokio::test]
async fn a_set_of_another_text_is_refused_and_a_set_of_the_same_texts_becomes_the_tenants() {
    let site = site().await;
    let tenant = site.tenant(1, "acme");
    let mut tx = site.begin().await;
    with_schema(&tenant, &mut tx).await;
    tenant.apply(&mut tx, &set_of(&[A])).await.unwrap();

    let edited = set_of(&[("0001_a.sql", "create table a (x int);"), B]);
    let refused = tenant.apply(&mut tx, &edited).await.unwrap_err();
    let longer = set_of(&[A, B]);
    let done = tenant.apply(&mut tx, &longer).await.unwrap();

    assert!(matches!(&refused, MigrateError::Edited { version } if *version == "1"), "{refused:?}");
    assert_eq!(done.applied, ["0002"]);
    assert!(entry(&mut tx, &tenant).await.unwrap().is_all_of(&longer));
}

#[tokio::test]
async fn going_back_keeps_the_checksum_of_an_edited_migration_that_stays() {
    let site = site().await;
    let tenant = site.tenant(1, "acme");
    let mut tx = site.begin().await;
    with_schema(&tenant, &mut tx).await;
    tenant.apply(&mut tx, &set_of(&[A, B])).await.unwrap();
    let edited = set_of(&[("0001_a.sql", "create table a (x int);"), B, B_DOWN]);

    tenant.revert(&mut tx, &edited, None).await.unwrap();

    let kept = tenant.applied(&mut tx).await;
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].checksum, set_of(&[A]).iter().next().unwrap().checksum());
    let again = tenant.apply(&mut tx, &edited).await;
    assert!(matches!(again, Err(MigrateError::Edited { .. })), "{again:?}");
}

#[tokio::test]
async fn a_group_of_newcomers_gets_its_rows_from_one_statement() {
    let site = site().await;
    let tenants: Vec<Tenant> = (1..=3).map(|n| site.tenant(n, &format!("t{n}"))).collect();
    let group: Vec<_> = tenants.iter().map(Tenant::subject).collect();
    let set = set_of(&[A, B]);
    site.run(
        "create table public.written (rows bigint);
         create function public.note() returns trigger language plpgsql as
         $$ begin insert into public.written select count(*) from new_rows; return null; end $$;
         create trigger note after insert on tenantry.tenant_migrations
         referencing new table as new_rows for each statement execute function public.note()",
    )
    .await;
    let mut tx = site.begin().await;
    ledger::register(&mut tx, &set).await.unwrap();
    newcomers::create_schemas(&mut tx, &group).await.unwrap();

    newcomers::migrate(&mut tx, &group, &set).await.unwrap();

    let written: Vec<i64> =
        sqlx::query_scalar("select rows from public.written").fetch_all(&mut *tx).await.unwrap();
    assert_eq!(written, [3]);
    let ids: Vec<TenantId> = tenants.iter().map(|tenant| tenant.mark.tenant).collect();
    let entries = ledger::read(&mut tx, &ids).await.unwrap();
    assert!(entries.iter().all(|entry| entry.as_ref().unwrap().is_all_of(&set)), "{entries:?}");
}

#[tokio::test]
async fn what_a_file_needs_of_the_shared_migrations_is_recorded_beside_it() {
    let site = site().await;
    let tenant = site.tenant(1, "acme");
    let needy = ("0002_b.up.sql", "-- needs shared: V7\ncreate table b ();");
    let set = set_of(&[A, needy, C]);
    let mut tx = site.begin().await;
    let by_an_older_release = format!(
        "insert into tenantry.migration_sets (hash, versions, descriptions, checksums)
         values ('{}', '{{0001,0002,0003}}', '{{a,b,c}}', '{{a,b,c}}')",
        set.hash()
    );
    execute(&mut tx, &by_an_older_release).await.unwrap();

    ledger::register(&mut tx, &set).await.unwrap();
    with_schema(&tenant, &mut tx).await;
    tenant.apply(&mut tx, &set_of(&[needy, C])).await.unwrap();

    let kept: Vec<Option<String>> =
        sqlx::query_scalar("select needs_shared from tenantry.migration_sets where hash = $1")
            .bind(set.hash())
            .fetch_one(&mut *tx)
            .await
            .unwrap();
    assert_eq!(kept, [None, Some("V7".to_owned()), None]);
    let applied = entry(&mut tx, &tenant).await.unwrap().applied;
    let needs: Vec<Option<&str>> =
        applied.iter().map(|it| it.needs_shared.as_ref().map(domain::Version::as_str)).collect();
    assert_eq!(needs, [Some("V7"), None]);
}

#[tokio::test]
async fn a_set_that_is_known_by_other_spellings_is_spelt_as_its_files_are() {
    let site = site().await;
    let (set, part) = (set_of(&[A, B]), set_of(&[A]));
    let mut tx = site.begin().await;
    for (hash, versions) in [(set.hash(), "{1,2}"), (part.hash(), "{1}")] {
        let known = format!(
            "insert into tenantry.migration_sets (hash, versions, descriptions, checksums)
             values ('{hash}', '{versions}', '{versions}', '{versions}');
             insert into tenantry.tenant_migrations (tenant_id, set_hash, version)
             select 10 * length('{versions}') + n, '{hash}', v
             from unnest('{{1,2,0002,null}}'::text[]) with ordinality u (v, n);
             insert into tenantry.birth_versions (set_hash, version) values ('{hash}', '2')"
        );
        execute(&mut tx, &known).await.unwrap();
    }

    for _ in 0..2 {
        ledger::register(&mut tx, &set).await.unwrap();
    }

    let spellings = "select array_to_string(array(
             select versions::text from tenantry.migration_sets where hash = $1) || array(
             select coalesce(version, '-') from tenantry.birth_versions where set_hash = $1) || array(
             select coalesce(version, '-') from tenantry.tenant_migrations where set_hash = $1
             order by tenant_id), ' ')";
    for (hash, expected) in
        [(set.hash(), "{0001,0002} 0002 0001 0002 0002 -"), (part.hash(), "{1} 2 1 2 0002 -")]
    {
        let found: String =
            sqlx::query_scalar(spellings).bind(hash).fetch_one(&mut *tx).await.unwrap();
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn version_tables_of_texts_and_of_numbers_are_carried_over_once_and_dropped() {
    let site = site().await;
    let tenant = site.tenant(1, "acme");
    for type_of_version in ["varchar(100)", "bigint"] {
        let mut tx = site.begin().await;
        with_schema(&tenant, &mut tx).await;
        tenant.apply(&mut tx, &set_of(&[A, B])).await.unwrap();
        as_before(&tenant, &mut tx, type_of_version).await;

        let done = tenant.apply(&mut tx, &set_of(&[A, B, C])).await.unwrap();

        assert_eq!((done.from, done.applied), (Some("0002".into()), vec!["0003".into()]));
        assert!(entry(&mut tx, &tenant).await.unwrap().is_all_of(&set_of(&[A, B, C])));
        assert!(!has_version_table(&mut tx).await, "{type_of_version}");
    }
}

#[tokio::test]
async fn a_version_table_with_a_hole_becomes_a_set_of_what_is_there() {
    let site = site().await;
    let tenant = site.tenant(1, "acme");
    let mut tx = site.begin().await;
    with_schema(&tenant, &mut tx).await;
    tenant.apply(&mut tx, &set_of(&[A, C])).await.unwrap();
    as_before(&tenant, &mut tx, "varchar(100)").await;

    ledger::carry_over(&mut tx, &[(tenant.mark.tenant, tenant.schema.clone())]).await.unwrap();
    let carried = entry(&mut tx, &tenant).await.unwrap();
    let done = tenant.apply(&mut tx, &set_of(&[A, B, C])).await.unwrap();

    assert!(carried.is_all_of(&set_of(&[A, C])), "{carried:?}");
    assert_eq!((done.applied, done.out_of_order), (vec!["0002".into()], vec!["0002".into()]));
}

#[tokio::test]
async fn a_table_of_that_name_made_by_a_migration_is_the_tenants_own() {
    let site = site().await;
    let tenant = site.tenant(1, "acme");
    let set = set_of(&[("1_a.sql", "create table tenantry_migrations (x int);")]);
    let mut tx = site.begin().await;
    let promise = Promise::learn(&mut tx, &set).await.unwrap();
    tenant.provision(&mut tx, &set).await;
    execute(&mut tx, "insert into acme.tenantry_migrations values (7)").await.unwrap();

    tenant.apply(&mut tx, &set).await.unwrap();

    verify::verify(&mut tx, &tenant.subject(), &promise).await.unwrap();
    let role = &tenant.role;
    execute(&mut tx, &format!("set local role {}", role.as_str())).await.unwrap();
    execute(&mut tx, "update acme.tenantry_migrations set x = x + 1").await.unwrap();
    assert_eq!(count(&mut tx, "select sum(x) from acme.tenantry_migrations").await, 8);
}
