//! One tenant is looked at: what its schema, its role and its rights are found to be.

use std::time::Duration;

use doctor::{Kind, References, Subject, TenantCheck, TenantReport};
use domain::{TenantHealth, TenantId};
use store::{
    checks,
    findings::{self, Filter},
};
use tenantdb::{MigrationSet, drift::Drifted};

use crate::ward::{Ward, differences, schema, tenant};

const WEEK: Duration = Duration::from_secs(7 * 86_400);

impl Ward {
    /// Looks at a tenant, changes nothing, and keeps the report.
    async fn look(&self, id: i64) -> Option<TenantReport> {
        let migrations = MigrationSet::embedded();
        let mut conn = doctor::connect(&self.db.pool).await.unwrap();
        let references = References::learn(&mut conn, migrations.clone()).await.unwrap();
        let check = TenantCheck {
            installation: &self.installation,
            migrations: &migrations,
            references: &references,
            application_role: None,
        };
        let before = self.everything().await;
        let report = check.look(&mut conn, TenantId::new(id)).await.unwrap();
        assert_eq!(differences(&before, &self.everything().await), [""; 0]);
        if let Some(report) = &report {
            checks::ask(&mut conn, TenantId::new(id)).await.unwrap();
            let taken = checks::take_asked(&mut conn).await.unwrap().unwrap();
            doctor::keep_tenant(&mut conn, taken, report, WEEK).await.unwrap();
        }
        report
    }

    async fn open(&self) -> Vec<String> {
        let mut conn = self.db.pool.acquire().await.unwrap();
        let open = findings::list(&mut conn, &Filter::default(), None, 10).await.unwrap();
        open.into_iter()
            .map(|it| format!("{} {} {}", it.kind, it.subject_type, it.subject_id))
            .collect()
    }
}

fn told(report: &TenantReport) -> (TenantHealth, bool, bool, Vec<(Kind, Subject)>) {
    let found = report.findings.iter().map(|it| (it.kind, it.subject.clone())).collect();
    (report.health, report.schema_valid, report.db_accessible, found)
}

#[tokio::test]
async fn a_tenant_as_it_was_made_is_healthy_and_one_that_is_not_there_is_not_looked_at() {
    let ward = Ward::healthy().await;

    let report = ward.look(1).await.unwrap();

    assert_eq!(told(&report), (TenantHealth::Healthy, true, true, vec![]));
    assert!(report.duration > Duration::ZERO);
    for absent in [7, 8, 99] {
        assert!(ward.look(absent).await.is_none(), "{absent}");
    }
    assert_eq!(ward.open().await, [""; 0]);
}

#[tokio::test]
async fn each_damage_is_told_kept_and_closed_when_it_is_gone() {
    for (damage, cure, kind, valid, accessible) in [
        ("drop table t_1.person", "", Kind::ShapeDiffers, false, true),
        ("alter role ROLE nologin", "alter role ROLE login", Kind::ShapeDiffers, true, false),
        (
            "revoke usage on schema t_1 from ROLE",
            "grant usage on schema t_1 to ROLE",
            Kind::ShapeDiffers,
            true,
            false,
        ),
        (
            "grant usage on schema t_5 to ROLE",
            "revoke usage on schema t_5 from ROLE",
            Kind::ShapeDiffers,
            true,
            true,
        ),
        (
            "create table stranger.its (); alter table stranger.its owner to ROLE",
            "drop table stranger.its",
            Kind::ShapeDiffers,
            true,
            true,
        ),
        (
            "alter schema t_1 rename to away",
            "alter schema away rename to t_1",
            Kind::TenantWithoutSchema,
            false,
            false,
        ),
    ] {
        let ward = Ward::healthy().await;
        let spelled = |sql: &str| sql.replace("ROLE", ward.role(1).as_str());
        ward.run(&spelled(damage)).await;

        let report = ward.look(1).await.unwrap();

        let found = vec![(kind, tenant(1))];
        assert_eq!(told(&report), (TenantHealth::Unhealthy, valid, accessible, found), "{damage}");
        assert_eq!(ward.open().await, [format!("{kind} tenant 1")], "{damage}");
        if !cure.is_empty() {
            ward.run(&spelled(cure)).await;
            let healed = ward.look(1).await.unwrap();
            assert_eq!(healed.health, TenantHealth::Healthy, "{cure}: {:?}", healed.findings);
            assert_eq!(ward.open().await, [""; 0], "{cure}");
        }
    }
}

#[tokio::test]
async fn a_mark_that_is_anothers_is_the_schemas_finding() {
    let ward = Ward::healthy().await;
    ward.run("comment on schema t_1 is 'mine'").await;

    let report = ward.look(1).await.unwrap();

    let found = vec![(Kind::WrongMark, Subject::Schema(schema(1).to_string()))];
    assert_eq!(told(&report), (TenantHealth::Unhealthy, false, false, found.clone()));
    // The same one that the checks of all tenants tell.
    assert_eq!(ward.found().await, found);
}

#[tokio::test]
async fn a_tenant_that_only_lacks_migrations_is_healthy_and_one_without_a_record_is_not() {
    let ward = Ward::healthy().await;
    ward.run(
        "drop table t_1.person, t_1.tenant;
         update tenantry.tenant_migrations set version = null where tenant_id = 1",
    )
    .await;

    let behind = ward.look(1).await.unwrap();
    ward.run("delete from tenantry.tenant_migrations where tenant_id = 1").await;
    let unknown = ward.look(1).await.unwrap();

    let found = vec![(Kind::MigrationsBehind, tenant(1))];
    assert_eq!(told(&behind), (TenantHealth::Healthy, true, true, found.clone()));
    assert_eq!(told(&unknown), (TenantHealth::Unhealthy, false, true, found));
}

#[tokio::test]
async fn drift_is_told_by_object_and_kept_without_definitions() {
    let ward = Ward::healthy().await;
    let sound = ward.look(1).await.unwrap().drift.unwrap();
    ward.run(
        "alter table t_1.person alter email set default 'secret'; drop index t_1.person_email",
    )
    .await;

    let drift = ward.look(1).await.unwrap().drift.unwrap();

    assert_eq!((sound.objects.len(), sound.version.unwrap().as_str()), (0, "0002"));
    let told = |it: &Drifted| format!("{} {}", it.difference.as_str(), it.object);
    let told: Vec<String> = drift.objects.iter().map(told).collect();
    assert_eq!(told, ["differs column person.email", "missing index person.person_email"]);
    assert!(drift.objects[0].tenant.as_ref().is_some_and(|it| it.contains("secret")), "{drift:?}");
    let mut conn = ward.db.pool.acquire().await.unwrap();
    let kept: String =
        sqlx::query_scalar("select drift::text from tenantry.tenant_checks where tenant_id = 1")
            .fetch_one(&mut *conn)
            .await
            .unwrap();
    assert!(kept.contains("column person.email") && !kept.contains("secret"), "{kept}");
    let status = store::tenants::status(&mut conn, TenantId::new(1)).await.unwrap().unwrap();
    assert!(status.has_drifted);
}

#[tokio::test]
async fn a_suspended_tenant_is_healthy_while_its_role_is_shut_out() {
    let ward = Ward::healthy().await;
    let role = ward.role(1);
    ward.write(1, "state = 'suspended'").await;
    let let_in = ward.look(1).await.unwrap();
    ward.run(&format!("alter role {role} nologin; revoke usage on schema t_1 from {role}")).await;
    let shut = ward.look(1).await.unwrap();
    ward.run("drop table t_1.person").await;
    let damaged = ward.look(1).await.unwrap();

    let found = |kind| vec![(kind, tenant(1))];
    let of_let_in = found(Kind::SuspendedTenantLetIn);
    assert_eq!(told(&let_in), (TenantHealth::Unhealthy, true, true, of_let_in));
    assert_eq!(told(&shut), (TenantHealth::Healthy, true, false, vec![]));
    let of_damaged = found(Kind::ShapeDiffers);
    assert_eq!(told(&damaged), (TenantHealth::Unhealthy, false, false, of_damaged));
}

#[tokio::test]
async fn what_keeps_the_look_out_is_an_error_and_closes_nothing() {
    let ward = Ward::healthy().await;
    ward.run(&format!("alter role {} nologin", ward.role(1))).await;
    ward.look(1).await.unwrap();
    ward.run("insert into tenantry.tenant_locks values (1) on conflict do nothing").await;
    let mut tx = ward.db.pool.begin().await.unwrap();
    sqlx::query("select from tenantry.tenant_locks where tenant_id = 1 for update")
        .execute(&mut *tx)
        .await
        .unwrap();

    let report = ward.look(1).await.unwrap();

    let found = vec![(Kind::NotLookedAt, tenant(1))];
    assert_eq!(told(&report), (TenantHealth::Error, false, false, found));
    let mut open = ward.open().await;
    open.sort();
    assert_eq!(open, ["not_looked_at tenant 1", "shape_differs tenant 1"]);
    tx.rollback().await.unwrap();
    ward.look(1).await.unwrap();
    assert_eq!(ward.open().await, ["shape_differs tenant 1"]);
}

#[tokio::test]
async fn the_examination_beside_finds_the_rest_and_closes_what_is_gone() {
    let ward = Ward::healthy().await;
    ward.leave_behind(77).await;
    ward.run("drop table t_1.person").await;
    let scope = crate::ward::scope().without_tenants();
    let examine = async || {
        let mut conn = ward.db.pool.acquire().await.unwrap();
        let since = sqlx::query_scalar("select now()").fetch_one(&mut *conn).await.unwrap();
        let report = doctor::examine(&ward.db.pool, &scope).await.unwrap();
        doctor::keep_examination(&mut conn, &report, &scope, since).await.unwrap();
    };
    ward.look(1).await.unwrap();

    examine().await;

    let mut open = ward.open().await;
    open.sort();
    let role = format!("role_without_tenant role {}", ward.role(77));
    let expected =
        [role, "schema_without_tenant schema t_77".into(), "shape_differs tenant 1".into()];
    assert_eq!(open, expected);
    ward.run(&format!("drop schema t_77; drop role {}", ward.role(77))).await;
    examine().await;
    assert_eq!(ward.open().await, ["shape_differs tenant 1"]);
}
