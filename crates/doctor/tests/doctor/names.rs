//! Names in the registry that Tenantry never writes there.

use doctor::Kind;

use super::ward::{Ward, scope, tenant};

/// What somebody writes into the row of tenant 5, which is every other's neighbour; the field that is
/// told; and how the finding ends.
const ODD: &[(&str, &str, &str)] = &[
    ("role_name = role_name || 'x'", "role_name", "not the name of a tenant's role"),
    ("role_name = 'postgres'", "role_name", "not the name of a tenant's role"),
    ("schema_name = 'public'", "schema_name", "schema_name is reserved"),
    ("schema_name = 'no such'", "schema_name", "and not begin with a digit"),
    ("schema_name = ''", "schema_name", "schema_name is empty"),
    ("name = ''", "name", "tenant_name is empty"),
    ("domain = 'NOT A DOMAIN'", "domain", "characters that a domain name may not have"),
    ("domain = 'ACME.example'", "domain", "it is written acme.example"),
    ("external_id = ''", "external_id", "external_id is empty"),
];

#[tokio::test]
async fn a_row_that_cannot_be_read_is_told_by_its_field_and_the_others_are_looked_at() {
    for (damage, field, why) in ODD {
        let ward = Ward::healthy().await;
        ward.run("alter table t_2.person add column surprise int").await;
        ward.write(5, damage).await;

        let report = doctor::examine(&ward.db.pool, &scope()).await.unwrap();

        let told: Vec<_> = report.findings.iter().filter(|f| f.subject == tenant(5)).collect();
        let expected = format!("the {field} of tenant 5 cannot be read: ");
        let unreadable = told.iter().find(|f| f.kind == Kind::UnreadableRow).unwrap();
        assert!(unreadable.sentence.starts_with(&expected), "{damage}: {told:#?}");
        assert!(unreadable.sentence.ends_with(why), "{damage}: {told:#?}");
        let others = report.findings.iter().any(|f| f.subject == tenant(2));
        assert!(others, "{damage}: {:#?}", report.findings);
    }
}

#[tokio::test]
async fn no_repair_ends_at_a_row_that_cannot_be_read() {
    let ward = Ward::healthy().await;
    // nobody makes 8 and 13 any more; 3 to 5 are active
    ward.run("update ITEMS set state = 'failed', finished_at = now() where id in (8, 13)").await;
    ward.leave_behind(13).await;
    for (id, change) in [
        (3, "schema_name = 'no such'"),
        (4, "role_name = role_name || 'x'"),
        (5, "schema_name = 'public', role_name = 'postgres'"),
        (8, "role_name = 'postgres'"),
        (13, "schema_name = 'T_13'"),
    ] {
        ward.write(id, change).await;
    }
    ward.run("alter table t_2.person owner to pg_monitor").await;

    let mut done = Vec::new();
    for kind in Kind::ALL.iter().filter(|kind| kind.is_fixable()) {
        done.extend(ward.fix(*kind).await.done);
    }

    assert!(done.contains(&tenant(2)), "{done:?}");
    let odd = [3, 4, 5, 8, 13].map(tenant);
    assert_eq!(done.iter().find(|subject| odd.contains(subject)), None);
    let told = ward.found().await;
    let unreadable = told.iter().filter(|(kind, _)| *kind == Kind::UnreadableRow);
    assert_eq!(unreadable.count(), 6);
}
