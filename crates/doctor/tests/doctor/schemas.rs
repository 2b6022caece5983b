//! Trouble with schemas, roles and their marks.

use std::time::{Duration, Instant};

use doctor::{Kind, Subject};
use domain::TenantId;
use sqlx::AssertSqlSafe;
use tenantdb::{role, schema};

use super::ward::{self, Ward, tenant};

fn schema_named(name: &str) -> Subject {
    Subject::Schema(name.to_owned())
}

#[tokio::test]
async fn a_schema_whose_tenant_was_never_there_is_dropped() {
    let ward = Ward::healthy().await;
    let mut conn = ward.db.pool.acquire().await.unwrap();
    schema::claim(&mut conn, &ward::schema(777), &ward.mark(777)).await.unwrap();

    ward.heals(Kind::SchemaWithoutTenant, schema_named("t_777"), &["schema t_777"]).await;
}

#[tokio::test]
async fn a_schema_whose_tenant_is_deleted_is_dropped_before_the_role_that_may_use_it() {
    let ward = Ward::healthy().await;
    ward.run("update TENANTS set state = 'deleted', deleted_at = now() where id = 7").await;
    ward.leave_behind(7).await;
    ward.run(
        "do $$ begin execute format('grant usage on schema t_7 to tn_%s_7',
             (select id from tenantry.installation)); end $$",
    )
    .await;
    let role = Subject::Role(ward.role(7).to_string());
    let both =
        [(Kind::SchemaWithoutTenant, schema_named("t_7")), (Kind::RoleWithoutTenant, role.clone())];
    assert_eq!(ward.found().await, both);

    let too_early = ward.fix(Kind::RoleWithoutTenant).await;
    let dropped = ward.fix(Kind::SchemaWithoutTenant).await;

    assert_eq!((too_early.done, too_early.refused.len()), (vec![], 1));
    assert_eq!(dropped.done, [schema_named("t_7")]);
    ward_heals_role(&ward, role).await;
}

async fn ward_heals_role(ward: &Ward, role: Subject) {
    let fixed = ward.fix(Kind::RoleWithoutTenant).await;
    assert_eq!(fixed.done, [role]);
    assert_eq!(ward.found().await, []);
}

#[tokio::test]
async fn a_role_whose_tenant_is_gone_is_dropped() {
    let ward = Ward::healthy().await;
    let mut conn = ward.db.pool.acquire().await.unwrap();
    let name = ward.role(777);
    role::claim(
        &mut conn,
        &name,
        &ward::schema(777),
        5,
        &ward.mark(777),
        tenantdb::TenantPath::ALONE,
    )
    .await
    .unwrap();

    let role = Subject::Role(name.to_string());
    ward.heals(Kind::RoleWithoutTenant, role, &["role tn_us_777"]).await;
}

#[tokio::test]
async fn a_tenant_revived_meanwhile_keeps_its_schema() {
    let ward = Ward::healthy().await;
    let mut conn = ward.db.pool.acquire().await.unwrap();
    schema::claim(&mut conn, &ward::schema(7), &ward.mark(7)).await.unwrap();
    let mut retry = ward.db.pool.begin().await.unwrap();
    let revived = store::tenants::revive(&mut retry, &[TenantId::new(7)]).await.unwrap();
    assert_eq!(revived.len(), 1);

    let (fixed, ()) = tokio::join!(ward.fix(Kind::SchemaWithoutTenant), async {
        // The doctor has judged by what it saw, and waits for the row.
        somebody_waits(&ward).await;
        retry.commit().await.unwrap();
    });

    assert_eq!((fixed.done, fixed.refused.len()), (vec![], 1));
    assert!(schema::owner(&mut conn, &ward::schema(7)).await.unwrap().is(&ward.mark(7)));
}

async fn somebody_waits(ward: &Ward) {
    let waits = "select exists (select from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock')";
    let began = Instant::now();
    while !sqlx::query_scalar::<_, bool>(waits).fetch_one(&ward.db.pool).await.unwrap() {
        assert!(began.elapsed() < Duration::from_secs(30), "nobody waits for the tenant's row");
    }
}

#[tokio::test]
async fn a_schema_that_an_undo_still_needs_is_not_dropped() {
    let ward = Ward::healthy().await;
    ward.leave_behind(7).await;
    ward.run("update ITEMS set state = 'undo_failed' where id = 7").await;
    let before = ward.everything().await;

    for kind in [Kind::SchemaWithoutTenant, Kind::RoleWithoutTenant] {
        let fixed = ward.fix(kind).await;
        assert_eq!((fixed.done, fixed.refused.len()), (vec![], 1));
    }

    assert_eq!(ward.everything().await, before);
}

#[tokio::test]
async fn a_tenant_without_its_schema_is_told() {
    let ward = Ward::healthy().await;
    ward.run("drop schema t_4 cascade").await;

    ward.only_reports(Kind::TenantWithoutSchema, tenant(4)).await;
}

#[tokio::test]
async fn a_tenant_without_its_role_gets_it_anew_with_its_rights() {
    let ward = Ward::healthy().await;
    lose_role(&ward).await;

    ward.heals(Kind::TenantWithoutRole, tenant(4), &["role tn_us_4", "schema t_4"]).await;
}

#[tokio::test]
async fn a_schema_of_somebody_else_gets_no_role() {
    let ward = Ward::healthy().await;
    lose_role(&ward).await;
    ward.run("comment on schema t_4 is 'tenantry:deadbeef:4'").await;
    let before = ward.everything().await;

    let fixed = ward.fix(Kind::TenantWithoutRole).await;

    assert_eq!((fixed.done, fixed.refused.len()), (vec![], 1));
    assert_eq!(ward.everything().await, before);
}

async fn lose_role(ward: &Ward) {
    let mut conn = ward.db.pool.acquire().await.unwrap();
    tenantdb::grants::revoke(&mut conn, &ward::schema(4), &ward.role(4)).await.unwrap();
    role::drop(&mut conn, &ward.role(4)).await.unwrap();
}

#[tokio::test]
async fn a_suspended_tenant_needs_its_schema_too() {
    let ward = Ward::healthy().await;
    suspend(&ward).await;
    ward.fix(Kind::SuspendedTenantLetIn).await;
    assert_eq!(ward.found().await, []);

    ward.run("drop schema t_4 cascade").await;

    ward.only_reports(Kind::TenantWithoutSchema, tenant(4)).await;
}

#[tokio::test]
async fn a_suspended_tenant_whose_users_get_in_is_shut_out_as_is_one_whose_role_is_made_anew() {
    let ward = Ward::healthy().await;
    suspend(&ward).await;
    let rights = format!(
        "select rolcanlogin, has_schema_privilege(rolname, 't_4', 'usage')
                          from pg_roles where rolname = '{}'",
        ward.role(4)
    );
    let may = async || -> (bool, bool) {
        sqlx::query_as(AssertSqlSafe(rights.clone())).fetch_one(&ward.db.pool).await.unwrap()
    };
    assert_eq!(may().await, (true, true));

    ward.heals(Kind::SuspendedTenantLetIn, tenant(4), &[]).await;
    assert_eq!(may().await, (false, false));
    lose_role(&ward).await;
    ward.fix(Kind::TenantWithoutRole).await;

    assert_eq!(may().await, (false, false));
    assert_eq!(ward.found().await, []);
}

async fn suspend(ward: &Ward) {
    ward.run("update TENANTS set state = 'suspended' where id = 4").await;
}

#[tokio::test]
async fn a_schema_without_or_with_anothers_mark_is_told_and_never_dropped() {
    for mark in [
        "comment on schema t_2 is null",
        "comment on schema t_2 is 'tenantry:deadbeef:2'",
        "do $$ begin execute format('comment on schema t_2 is %L',
             'tenantry:' || (select id from tenantry.installation) || ':1'); end $$",
    ] {
        let ward = Ward::healthy().await;
        ward.run(mark).await;

        ward.only_reports(Kind::WrongMark, schema_named("t_2")).await;
    }
}

#[tokio::test]
async fn a_role_without_or_with_anothers_mark_is_told_and_never_dropped() {
    for mark in [
        "do $$ begin execute format('comment on role tn_%s_2 is null',
             (select id from tenantry.installation)); end $$",
        "do $$ begin execute format('comment on role tn_%1$s_2 is %2$L', id, 'tenantry:' || id || ':1')
             from tenantry.installation; end $$",
    ] {
        let ward = Ward::healthy().await;
        ward.run(mark).await;

        let role = Subject::Role(ward.role(2).to_string());
        ward.only_reports(Kind::WrongMark, role).await;
    }
}

#[tokio::test]
async fn a_renamed_schema_is_told_from_both_sides() {
    let ward = Ward::healthy().await;
    ward.run("alter schema t_2 rename to elsewhere").await;

    let both =
        [(Kind::TenantWithoutSchema, tenant(2)), (Kind::WrongMark, schema_named("elsewhere"))];
    assert_eq!(ward.found().await, both);
}

#[tokio::test]
async fn a_strangers_schema_and_role_survive_every_repair() {
    let ward = Ward::healthy().await;
    // Their names are those that a released tenant of ours had.
    ward.run("update TENANTS set schema_name = 'stranger' where id = 7").await;
    ward.run(
        "update TENANTS set state = 'pending',
             role_name = (select 'tn_' || id || '_999' from tenantry.installation)
         where id = 7",
    )
    .await;
    ward.issue_key(7, Some(2)).await;
    ward.leave_behind(777).await;
    let before = ward.everything().await;

    for kind in Kind::ALL.iter().filter(|kind| kind.is_fixable()) {
        let fixed = ward.fix(*kind).await;
        assert_eq!(fixed.refused, [], "{kind}");
    }

    let changed = ward::differences(&before, &ward.everything().await);
    assert_eq!(changed, ["key 7", "role tn_us_777", "schema t_777", "tenant 7"]);
    assert_eq!(ward.found().await, []);
}

#[tokio::test]
async fn a_spare_whose_schema_was_dropped_leaves_the_pool_with_its_role() {
    let ward = Ward::healthy().await;
    ward.run("drop schema tenantry_spare_950_ cascade").await;

    let spare = Subject::Spare(TenantId::new(ward::SPARE));
    ward.heals(Kind::SpareIncomplete, spare, &["role tn_us_950", "spare 950"]).await;
}

#[tokio::test]
async fn a_spare_whose_role_was_dropped_leaves_the_pool_with_its_schema() {
    let ward = Ward::healthy().await;
    ward.run(
        "do $$ declare role text := format('tn_%s_950', (select id from tenantry.installation)); begin
             execute format('drop owned by %I', role);
             execute format('drop role %I', role);
         end $$",
    )
    .await;

    let spare = Subject::Spare(TenantId::new(ward::SPARE));
    let gone = ["schema tenantry_spare_950_", "spare 950"];
    ward.heals(Kind::SpareIncomplete, spare, &gone).await;
}

#[tokio::test]
async fn a_spare_of_another_list_of_extensions_is_no_trouble_and_one_of_this_list_is() {
    let ward = Ward::healthy().await;
    let longer = "do $$ begin execute format('alter role %I set search_path to tenantry_spare_950_,
        tenantry_extensions, pg_temp', (select 'tn_' || id || '_950' from tenantry.installation)); end $$";
    ward.run(longer).await;
    let of_this_list = ward.found().await;

    ward.run("update tenantry.spares set stamp = 'another'").await;

    let spare = Subject::Spare(TenantId::new(ward::SPARE));
    assert_eq!(of_this_list, [(Kind::SpareChanged, spare)]);
    assert_eq!(ward.found().await, []);
}

#[tokio::test]
async fn what_is_left_of_a_spare_that_is_not_in_the_pool_is_dropped() {
    let ward = Ward::healthy().await;
    ward.run("delete from tenantry.spares").await;
    let schema = schema_named("tenantry_spare_950_");
    let role = Subject::Role(ward.role(ward::SPARE).to_string());
    let both =
        [(Kind::SchemaWithoutTenant, schema.clone()), (Kind::RoleWithoutTenant, role.clone())];
    assert_eq!(ward.found().await, both);

    assert_eq!(ward.fix(Kind::SchemaWithoutTenant).await.done, [schema]);
    ward_heals_role(&ward, role).await;
}

#[tokio::test]
async fn an_own_row_that_is_not_there_or_says_something_else_is_told_and_written() {
    let ward = Ward::healthy().await;
    ward.run("delete from t_1.tenant; update t_2.tenant set name = 'another'").await;
    let (one, two) = (Subject::Tenant(TenantId::new(1)), Subject::Tenant(TenantId::new(2)));

    let found = ward.found().await;
    let written = ward.fix(Kind::OwnRowMissing).await;
    let corrected = ward.fix(Kind::OwnRowDiffers).await;

    assert_eq!(found, [(Kind::OwnRowDiffers, two.clone()), (Kind::OwnRowMissing, one.clone())]);
    assert_eq!((written.done, corrected.done), (vec![one], vec![two]));
    assert_eq!(ward.found().await, []);
    assert!(Kind::OwnRowMissing.is_notice());
}
