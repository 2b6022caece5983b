//! Where whoever makes a role is a member of it for good, nobody makes many.

use domain::{SchemaName, TenantId};
use sqlx::{Connection, PgConnection};
use tenantdb::{MigrationSet, bootstrap, grants, makers, newcomers, role, schema};

use crate::support::{CONNECTIONS, Site, Tenant, count, execute, site, sqlstate};

/// Tenants made in one transaction.
const GROUP: i64 = 32;

/// Roles that the owner is a member of: makers, and the group.
const OWNERS: &str = "select count(*) from pg_auth_members where member = current_user::regrole";

/// The most that a maker is a member of.
const FULLEST: &str = "select coalesce(max(n), 0) from (
    select count(*) as n from pg_auth_members m join pg_roles r on r.oid = m.member
    join tenantry.installation i on starts_with(r.rolname, 'tn_' || i.id || '_maker_')
    group by r.oid) made";

/// A site that belongs to a role without superuser rights, which has bootstrapped it: a session.
pub(crate) async fn owned(site: &Site) -> PgConnection {
    site.undo_bootstrap().await;
    site.hand_to_an_owner().await;
    site.run(&format!("grant select on tenantry.installation to {}", site.owner())).await;
    let mut conn = site.connect_as(&site.owner()).await.unwrap();
    bootstrap(&mut conn, &site.installation).await.unwrap();
    conn
}

fn tenants(site: &Site, from: i64, count: i64) -> Vec<Tenant> {
    (from..from + count).map(|id| site.tenant(id, &format!("t_{id}"))).collect()
}

async fn make_roles(conn: &mut PgConnection, tenants: &[Tenant]) -> sqlx::Result<()> {
    let newcomers: Vec<_> = tenants.iter().map(Tenant::subject).collect();
    newcomers::create_roles(conn, &newcomers, CONNECTIONS).await
}

async fn make_in_groups(conn: &mut PgConnection, tenants: &[Tenant]) {
    for group in tenants.chunks(usize::try_from(GROUP).unwrap()) {
        let mut tx = conn.begin().await.unwrap();
        make_roles(&mut tx, group).await.unwrap();
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn however_many_tenants_there_are_nobody_is_a_member_of_many() {
    let site = site().await;
    let mut conn = owned(&site).await;
    let most = i64::from(makers::MOST);
    let tenants = tenants(&site, 1, 2 * (most + GROUP) + GROUP);

    make_in_groups(&mut conn, &tenants).await;

    let (owners, fullest) = (count(&mut conn, OWNERS).await, count(&mut conn, FULLEST).await);
    let makers = if site.makers_are_members() { 3 } else { 0 };
    // from 16 on the owner is a member of the group too, as its maker
    assert_eq!(owners, if makers > 0 { makers + 1 } else { 0 });
    assert!(fullest <= most + GROUP, "a maker made {fullest}");
    for tenant in &tenants {
        assert!(role::owner(&mut conn, &tenant.role).await.unwrap().is(&tenant.mark));
        assert!(role::drop_owned(&mut conn, &tenant.role, &tenant.mark).await.unwrap());
    }
}

#[tokio::test]
async fn what_a_maker_made_is_claimed_adopted_and_dropped_by_the_owner() {
    let site = site().await;
    let mut conn = owned(&site).await;
    let (installation, id) = (&site.installation, TenantId::new(7));
    let spare = Tenant { schema: SchemaName::of_spare(id), ..site.tenant(7, "unused") };
    let tenant = site.tenant(8, "acme");
    for _twice in 0..2 {
        let claimed = role::claim(
            &mut conn,
            &spare.role,
            &spare.schema,
            CONNECTIONS,
            &spare.mark,
            tenantdb::TenantPath::ALONE,
        )
        .await;
        assert!(claimed.unwrap().is(&spare.mark));
    }
    schema::claim(&mut conn, &spare.schema, &spare.mark).await.unwrap();
    let (schema, role) = (&tenant.schema, &tenant.role);

    newcomers::adopt(&mut conn, installation, &[(id, tenant.subject())]).await.unwrap();

    assert!(role::owner(&mut conn, role).await.unwrap().is(&tenant.mark));
    let taken = newcomers::create_roles(&mut conn, &[tenant.subject()], CONNECTIONS).await;
    assert_eq!(sqlstate(taken), "42710");
    assert!(schema::drop_owned(&mut conn, schema, &tenant.mark).await.unwrap());
    assert!(role::drop_owned(&mut conn, role, &tenant.mark).await.unwrap());
}

#[tokio::test]
async fn many_who_need_a_maker_at_once_make_one() {
    let site = site().await;
    let first = owned(&site).await;
    let mut sessions = vec![first];
    for _ in 0..3 {
        sessions.push(site.connect_as(&site.owner()).await.unwrap());
    }
    let made = sessions.iter_mut().zip(0..).map(|(conn, n)| {
        let tenants = tenants(&site, 100 * n, 5);
        async move { make_in_groups(conn, &tenants).await }
    });

    futures::future::join_all(made).await;

    let expected = if site.makers_are_members() { 2 } else { 0 };
    assert_eq!(count(&mut sessions[0], OWNERS).await, expected);
}

#[tokio::test]
async fn roles_are_made_side_by_side_by_transactions_that_go_on() {
    let site = site().await;
    let mut owner = owned(&site).await;
    make_in_groups(&mut owner, &tenants(&site, 1, 1)).await;
    let mut other = site.connect_as(&site.owner()).await.unwrap();
    let (mut one, mut two) = (owner.begin().await.unwrap(), other.begin().await.unwrap());
    execute(&mut two, "set local lock_timeout = '1s'").await.unwrap();

    make_roles(&mut one, &tenants(&site, 10, 3)).await.unwrap();
    make_roles(&mut two, &tenants(&site, 20, 3)).await.unwrap();

    one.commit().await.unwrap();
    two.commit().await.unwrap();
}

#[tokio::test]
async fn a_tenant_that_is_taken_back_holds_up_none_that_is_made() {
    let site = site().await;
    let (gone, made) = (site.provisioned(1, "gone").await, site.tenant(2, "made"));
    let (mut one, mut two) = (site.begin().await, site.begin().await);
    execute(&mut two, "set local lock_timeout = '1s'").await.unwrap();

    grants::revoke(&mut one, &gone.schema, &gone.role).await.unwrap();
    schema::drop(&mut one, &gone.schema).await.unwrap();
    role::drop(&mut one, &gone.role).await.unwrap();
    made.provision(&mut two, &MigrationSet::embedded()).await;

    one.commit().await.unwrap();
    two.commit().await.unwrap();
}

#[tokio::test]
async fn a_maker_goes_with_the_transaction_that_made_it() {
    let site = site().await;
    let mut conn = owned(&site).await;
    let before = count(&mut conn, OWNERS).await;
    let tenants = tenants(&site, 1, 3);

    let mut tx = conn.begin().await.unwrap();
    make_roles(&mut tx, &tenants).await.unwrap();
    assert_eq!(count(&mut tx, "select (current_user = session_user)::int::bigint").await, 1);
    tx.rollback().await.unwrap();

    assert_eq!(count(&mut conn, OWNERS).await, before);
    make_in_groups(&mut conn, &tenants).await;
}

#[tokio::test]
async fn a_maker_serves_its_owner_alone_and_holds_no_more_than_it_needs() {
    let site = site().await;
    let mut conn = owned(&site).await;
    let tenant = site.tenant(1, "acme");
    make_in_groups(&mut conn, std::slice::from_ref(&tenant)).await;
    if !site.makers_are_members() {
        let functions = "select count(*) from pg_proc where starts_with(proname, 'tn_')";
        assert_eq!(count(&mut conn, functions).await, 0);
        return;
    }
    let maker = format!("tn_{}_maker_000001", site.installation);
    let call = format!("select tenantry.{maker}('create role x')");
    // even where somebody let it into the schema
    let (group, role) = (tenant.role.its_group(), tenant.role.as_str());
    let group = group.as_str();
    site.run(&format!("grant {group} to {role}; grant usage on schema tenantry to {role}")).await;

    let mut session = site.connect_as(tenant.role.as_str()).await.unwrap();
    assert_eq!(sqlstate(execute(&mut session, &call).await), "42501");
    let login = site.connect_as(&maker).await;
    assert_eq!(sqlstate(login), "28000");
    let become_it = format!("set role {maker}");
    assert_eq!(sqlstate(execute(&mut conn, &become_it).await), "42501");
    let rights = format!(
        "select (has_schema_privilege('{maker}', 'tenantry', 'usage, create')
             or has_database_privilege('{maker}', current_database(), 'create'))::int::bigint"
    );
    assert_eq!(count(&mut conn, &rights).await, 0);
}
