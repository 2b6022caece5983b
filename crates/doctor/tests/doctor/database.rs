//! What every role may do in the database is told once, and not of each tenant.

use doctor::Kind;

use super::ward::{Ward, scope};

/// The sentences of one kind.
async fn told(ward: &Ward, kind: Kind) -> (Vec<String>, bool) {
    let report = doctor::examine(&ward.db.pool, &scope()).await.unwrap();
    let of_kind = report.findings.iter().filter(|finding| finding.kind == kind);
    (of_kind.map(|finding| finding.sentence.clone()).collect(), report.is_clean())
}

const TEMPORARY: &str = "do $$ begin
    execute format('grant temporary on database %I to public', current_database()); end $$";

#[tokio::test]
async fn a_right_of_public_in_a_database_of_our_own_is_one_trouble_with_its_remedy() {
    let ward = Ward::healthy().await;
    ward.run(TEMPORARY).await;

    let (sentences, clean) = told(&ward, Kind::DatabaseRights).await;

    assert_eq!(ward.found().await.len(), 1, "each tenant is told beside");
    assert_eq!(sentences.len(), 1, "{sentences:?}");
    let sentence = &sentences[0];
    assert!(sentence.contains("TEMPORARY on the database"), "{sentence}");
    assert!(sentence.contains("`tenantry migrate public up`"), "{sentence}");
    assert!(!clean);
}

#[tokio::test]
async fn a_shared_database_is_told_once_and_nothing_of_it_is_wrong() {
    let ward = Ward::healthy().await;
    ward.run("update tenantry.installation set mode = 'shared'").await;
    ward.run(TEMPORARY).await;

    let (sentences, clean) = told(&ward, Kind::DatabaseShared).await;

    assert_eq!(sentences.len(), 1, "{sentences:?}");
    assert!(sentences[0].contains("TEMPORARY on the database"), "{sentences:?}");
    assert!(sentences[0].contains("--revoke-public"), "{sentences:?}");
    assert!(clean);
    assert_eq!(told(&ward, Kind::DatabaseRights).await.0, [""; 0]);
}

#[tokio::test]
async fn what_tenants_share_and_somebody_could_change_is_told() {
    let ward = Ward::healthy().await;
    ward.run(
        "create schema tenantry_extensions; create extension citext schema tenantry_extensions;
         create table public.countries (code text primary key);
         grant create on schema tenantry_extensions to public",
    )
    .await;
    let (extensions, tables) = (vec!["citext".to_owned()], vec!["public.countries".to_owned()]);
    let mut scope = scope().only([Kind::SharedObjectsDiffer]);
    scope.migrations = scope.migrations.sharing(&tenantdb::Shared { extensions, tables });

    let report = doctor::examine(&ward.db.pool, &scope).await.unwrap();

    let told: Vec<_> = report.findings.iter().map(|it| it.sentence.as_str()).collect();
    let all = told.join("\n");
    assert_eq!(told.len(), 3, "{all}");
    for part in [
        "PUBLIC, and so every tenant, may create in schema tenantry_extensions",
        "may not use schema tenantry_extensions; `tenantry migrate public up`",
        "may not read table public.countries; `tenantry migrate public up`",
    ] {
        assert!(all.contains(part), "{part}: {all}");
    }
    assert!(!report.is_clean());
}

#[tokio::test]
async fn shared_migrations_that_are_missing_or_edited_are_told() {
    let ward = Ward::healthy().await;
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, sql: &str| std::fs::write(folder.path().join(name), sql).unwrap();
    write("1_plan.sql", "create table plan ();");
    write("2_price.sql", "alter table plan add price int;");
    let mut scope = scope().only([Kind::SharedMigrationsDiffer]);
    scope.shared_migrations = Some(tenantdb::MigrationSet::load(folder.path()).unwrap());
    ward.run(
        "insert into tenantry.migration_sets (hash, versions, descriptions, checksums)
         values ('x', '{1}', '{plan}', '{y}');
         insert into tenantry.shared_migrations (schema_name, set_hash, version) values ('public', 'x', '1')",
    )
    .await;

    let report = doctor::examine(&ward.db.pool, &scope).await.unwrap();

    let told: Vec<&str> = report.findings.iter().map(|it| it.sentence.as_str()).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().any(|it| it.starts_with("shared migration 2 is not applied")), "{told:?}");
    assert!(told.iter().any(|it| it.starts_with("shared migration 1 was edited")), "{told:?}");
}
