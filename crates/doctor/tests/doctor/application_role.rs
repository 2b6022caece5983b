//! The application's role: a member of every tenant's role, and of none without being asked for.

use doctor::{Kind, Scope, Subject};
use sqlx::AssertSqlSafe;

use super::ward::{SPARE, Ward, scope, tenant};

/// A healthy system with a role that is fit for an application, and the scope that expects it.
async fn ward() -> (Ward, Scope, String) {
    let ward = Ward::healthy().await;
    let role = format!("tn_{}_app", ward.installation);
    run(&ward, &format!("create role {role} noinherit")).await;
    let scope = Scope { application_role: Some(role.clone()), ..scope() };
    (ward, scope, role)
}

async fn run(ward: &Ward, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&ward.db.pool).await.unwrap();
}

async fn found(ward: &Ward, scope: &Scope) -> Vec<(Kind, Subject)> {
    let report = doctor::examine(&ward.db.pool, scope).await.unwrap();
    report.findings.into_iter().map(|finding| (finding.kind, finding.subject)).collect()
}

#[tokio::test]
async fn tenants_without_the_applications_role_get_it_and_lose_it_when_it_is_no_more_asked_for() {
    let (ward, with, _) = ward().await;
    let of_tenants = (1..=5).map(|id| (Kind::ShapeDiffers, tenant(id)));
    let spare = (Kind::SpareChanged, Subject::Spare(domain::TenantId::new(SPARE)));
    let all: Vec<_> = std::iter::once(spare).chain(of_tenants.clone()).collect();
    assert_eq!(found(&ward, &with).await, all);

    for kind in [Kind::SpareChanged, Kind::ShapeDiffers] {
        let fixed = doctor::fix(&ward.db.pool, kind, &with, "cli:doctor").await.unwrap();
        assert_eq!(fixed.refused, []);
    }

    assert_eq!(found(&ward, &with).await, []);
    let without = scope();
    assert_eq!(found(&ward, &without).await, of_tenants.collect::<Vec<_>>());
    doctor::fix(&ward.db.pool, Kind::ShapeDiffers, &without, "cli:doctor").await.unwrap();
    assert_eq!(found(&ward, &without).await, []);
}

#[tokio::test]
async fn a_role_that_is_made_anew_has_the_applications_as_a_member() {
    let (ward, with, _) = ward().await;
    doctor::fix(&ward.db.pool, Kind::ShapeDiffers, &with, "cli:doctor").await.unwrap();
    let lost = ward.role(2);
    run(&ward, &format!("drop owned by {lost}; drop role {lost}")).await;

    let made = doctor::fix(&ward.db.pool, Kind::TenantWithoutRole, &with, "cli:doctor").await;

    assert_eq!(made.unwrap().done, [tenant(2)]);
    assert_eq!(found(&ward, &with.only([Kind::ShapeDiffers])).await, []);
}

#[tokio::test]
async fn a_role_that_is_not_fit_or_nearly_full_is_told() {
    let (ward, with, role) = ward().await;
    doctor::fix(&ward.db.pool, Kind::ShapeDiffers, &with, "cli:doctor").await.unwrap();
    let subject = Subject::Role(role.clone());
    let kinds = [Kind::ApplicationRoleUnfit, Kind::ApplicationRoleFilling];
    let looked = |limit| Scope { application_role_limit: limit, ..with.only(kinds) };
    assert_eq!(found(&ward, &looked(7)).await, []);

    let five_of_six = found(&ward, &looked(6)).await;
    run(&ward, &format!("alter role {role} superuser")).await;
    let unfit = found(&ward, &looked(7)).await;

    assert_eq!(five_of_six, [(Kind::ApplicationRoleFilling, subject.clone())]);
    assert!(Kind::ApplicationRoleFilling.is_notice());
    assert_eq!(unfit, [(Kind::ApplicationRoleUnfit, subject)]);
    // a tenant's own role, which would become all others
    let own = Scope { application_role: Some(ward.role(2).to_string()), ..scope() };
    let fixed = doctor::fix(&ward.db.pool, Kind::ShapeDiffers, &own, "cli:doctor").await.unwrap();
    assert_eq!((fixed.done.len(), fixed.refused.len()), (0, 5), "{fixed:?}");
    assert!(fixed.refused[0].reason.contains("one of Tenantry's own"), "{fixed:?}");
    assert!(!Kind::ApplicationRoleUnfit.is_notice());
}
