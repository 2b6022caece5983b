//! A migration that makes all that older ones make: new tenants begin there.

use domain::Version;
use tenantdb::migrations::{MigrateError, MigrationSet};

use crate::support::{Site, Tenant, set_of, site};

const OLD: [(&str, &str); 3] = [
    ("V1__a.sql", "create table a (id int);"),
    ("V2__b.sql", "create table b (id int); create type mood as enum ('well');"),
    ("V3__c.sql", "alter table a add column c int;"),
];

const NEW: [(&str, &str); 2] = [
    (
        "B3__all.sql",
        "create table a (id int, c int); create table b (id int); create type mood as enum ('well');",
    ),
    ("V4__d.sql", "create table d (id int);"),
];

/// The old files and those with the baseline.
fn all() -> MigrationSet {
    set_of(&[&OLD[..], &NEW[..]].concat())
}

async fn brought_to(site: &Site, tenant: &Tenant, set: &MigrationSet) -> Vec<String> {
    let mut tx = site.begin().await;
    let moved = tenant.apply(&mut tx, set).await.unwrap();
    tx.commit().await.unwrap();
    moved.applied.iter().map(|version| version.as_str().to_owned()).collect()
}

#[tokio::test]
async fn every_tenant_gets_to_the_same_place_with_or_without_the_baseline() {
    let site = site().await;
    let new = site.tenant(1, "new").with_schema(&site).await;
    assert_eq!(brought_to(&site, &new, &all()).await, ["3", "4"]);

    for had in 1..=OLD.len() {
        let schema = format!("has_{had}");
        let tenant = site.tenant(1 + i64::try_from(had).unwrap(), &schema).with_schema(&site).await;
        brought_to(&site, &tenant, &set_of(&OLD[..had])).await;

        let applied = brought_to(&site, &tenant, &all()).await;

        assert_eq!(applied, ["2", "3", "4"][had - 1..], "{schema}");
        assert_eq!(tenant.versions(&site).await, ["3", "4"]);
        assert!(brought_to(&site, &tenant, &all()).await.is_empty());
    }
    let columns = "select string_agg(table_name || '.' || column_name, ' ' order by table_name || '.' || column_name)
        from information_schema.columns where table_schema in ('new', 'has_1', 'has_2', 'has_3')
        group by table_schema";
    let columns: Vec<String> =
        sqlx::query_scalar(columns).fetch_all(&mut *site.begin().await).await.unwrap();
    assert_eq!(columns, ["a.c a.id b.id d.id"; 4]);
}

#[tokio::test]
async fn in_segments_the_old_files_run_where_the_baseline_would() {
    let site = site().await;
    let alone = ("V5__e.sql", "-- no-transaction\ncreate index concurrently i on a (id);");
    let set = set_of(&[&OLD[..], &NEW[..], &[alone]].concat());
    let tenant = site.tenant(1, "acme").with_schema(&site).await;
    brought_to(&site, &tenant, &set_of(&OLD[..1])).await;

    tenant.walk(&site, &set, &set.segments()).await.unwrap();

    assert_eq!(tenant.versions(&site).await, ["3", "4", "5"]);
}

#[tokio::test]
async fn an_old_file_that_runs_outside_any_transaction_is_told_and_not_run_within_one() {
    let site = site().await;
    let alone = ("V2__b.sql", "-- no-transaction\ncreate index concurrently i on a (id);");
    let set = set_of(&[OLD[0], alone, OLD[2], NEW[0], NEW[1]]);
    let tenant = site.tenant(1, "acme").with_schema(&site).await;
    brought_to(&site, &tenant, &set_of(&OLD[..1])).await;
    let mut tx = site.begin().await;

    let refused = tenant.apply(&mut tx, &set).await.unwrap_err();

    assert!(
        matches!(&refused, MigrateError::SeveralTransactions { file, .. } if file == "V2__b.sql"),
        "{refused}"
    );
}

#[test]
fn a_part_of_the_set_has_the_old_files_where_the_baseline_makes_more() {
    let part = |versions: &[&str]| {
        let versions: Vec<Version> = versions.iter().copied().map(Version::new).collect();
        all().only(&versions)
    };
    let files = |versions: &[&str]| -> Vec<String> {
        let part = part(versions).unwrap();
        part.iter().map(|m| m.file().to_owned()).collect()
    };

    assert_eq!(files(&[]), [""; 0]);
    assert_eq!(files(&["1", "2"]), ["V1__a.sql", "V2__b.sql"]);
    assert_eq!(files(&["1", "2", "3"]), ["B3__all.sql"]);
    assert_eq!(files(&["3"]), ["B3__all.sql"]);
    assert_eq!(part(&["3", "4"]).unwrap().hash(), all().hash());
    assert!(part(&["3", "5"]).is_none(), "the set has no 5");
}

#[tokio::test]
async fn who_begins_with_a_part_is_brought_to_the_whole_set() {
    let site = site().await;
    for (id, versions, more) in [(1, &["1"][..], &["2", "3", "4"][..]), (2, &["3"], &["4"])] {
        let versions: Vec<Version> = versions.iter().copied().map(Version::new).collect();
        let tenant = site.tenant(id, &format!("t{id}")).with_schema(&site).await;
        brought_to(&site, &tenant, &all().only(&versions).unwrap()).await;

        assert_eq!(brought_to(&site, &tenant, &all()).await, more);
        assert_eq!(tenant.versions(&site).await, ["3", "4"]);
    }
}
