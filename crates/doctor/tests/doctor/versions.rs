//! Tenants that are not what the migrations make.

use doctor::Kind;

use super::ward::{Ward, scope, tenant};

#[tokio::test]
async fn a_tenant_behind_the_newest_migration_is_told_once() {
    for behind in [
        "drop table t_2.person; update tenantry.tenant_migrations set version = '0001' where tenant_id = 2",
        "drop table t_2.person, t_2.tenant;
         update tenantry.tenant_migrations set version = null where tenant_id = 2",
    ] {
        let ward = Ward::healthy().await;
        ward.run(behind).await;

        ward.only_reports(Kind::MigrationsBehind, tenant(2)).await;
    }
}

#[tokio::test]
async fn a_tenant_behind_is_held_against_what_its_own_migrations_make() {
    for (behind, told) in [
        ("", "sequence person_id_seq is in no migration; table person is in no migration"),
        (
            "drop table t_2.person; alter table t_2.tenant drop column name;",
            "column tenant.name is missing",
        ),
    ] {
        let ward = Ward::healthy().await;
        ward.run(&format!(
            "{behind} update tenantry.tenant_migrations set version = '0001' where tenant_id = 2"
        ))
        .await;

        let found = [(Kind::MigrationsBehind, tenant(2)), (Kind::ShapeDiffers, tenant(2))];
        assert_eq!(ward.found().await, found);
        let report = doctor::examine(&ward.db.pool, &scope()).await.unwrap();
        let sentence = &report.findings[1].sentence;
        assert!(sentence.ends_with(&format!(": {told}")), "{sentence}");
    }
}

#[tokio::test]
async fn a_tenant_that_the_ledger_does_not_know_is_told() {
    let ward = Ward::healthy().await;
    ward.run("delete from tenantry.tenant_migrations where tenant_id = 2").await;

    ward.only_reports(Kind::MigrationsBehind, tenant(2)).await;
    let report = doctor::examine(&ward.db.pool, &scope()).await.unwrap();
    let sentence = &report.findings[0].sentence;
    let words =
        "otherwise record what it has: `tenantry migrate tenant record --schema t_2 --at VERSION`";
    assert!(sentence.contains(words), "{sentence}");
}

#[tokio::test]
async fn an_edited_migration_is_told() {
    let ward = Ward::healthy().await;
    ward.run(
        "insert into tenantry.migration_sets
         select 'edited', versions, descriptions, array['x', checksums[2]] from tenantry.migration_sets;
         update tenantry.tenant_migrations set set_hash = 'edited' where tenant_id = 2",
    )
    .await;

    ward.only_reports(Kind::MigrationEdited, tenant(2)).await;
}

#[tokio::test]
async fn a_migration_of_a_later_version_is_told() {
    let ward = Ward::healthy().await;
    ward.run(
        "insert into tenantry.migration_sets
         select 'later', versions || '99'::text, descriptions || ''::text, checksums || 'x'::text
         from tenantry.migration_sets;
         update tenantry.tenant_migrations set set_hash = 'later', version = '99' where tenant_id = 2",
    )
    .await;

    ward.only_reports(Kind::MigrationUnknown, tenant(2)).await;
}

#[tokio::test]
async fn a_schema_or_right_that_is_not_as_promised_is_told() {
    for change in [
        "alter table t_2.person add column surprise int",
        "create table t_2.extra ()",
        "drop table t_2.person",
        "do $$ begin execute format('revoke select on t_2.person from tn_%s_2',
             (select id from tenantry.installation)); end $$",
        "do $$ begin execute format('grant usage on schema tenantry to tn_%s_2',
             (select id from tenantry.installation)); end $$",
    ] {
        let ward = Ward::healthy().await;
        ward.run(change).await;

        assert_eq!(ward.found().await, [(Kind::ShapeDiffers, tenant(2))]);
    }
}
