//! A role that may become every tenant by SET ROLE, and is none of them before.

use sqlx::{Connection, PgConnection};
use tenantdb::{
    MigrationSet, Promise, Subject, application_role, bootstrap, mend, newcomers, role, schema,
    verify,
};

use crate::support::{CONNECTIONS, Site, Tenant, count, execute, site, sqlstate};

/// A role that is fit for an application of this site.
async fn application(site: &Site) -> String {
    let role = format!("tn_{}_App", site.installation);
    // from 16 on the membership itself gives no right
    let inherit = if site.makers_are_members() { "inherit" } else { "noinherit" };
    site.run(&format!(
        "create role \"{role}\" login {inherit};
         do $$ begin execute format('grant connect on database %I to \"{role}\"',
             current_database()); end $$"
    ))
    .await;
    role
}

fn newcomers<'a>(tenants: &'a [Tenant], application: &'a str) -> Vec<Subject<'a>> {
    let newcomer = |t: &'a Tenant| Subject { application_role: Some(application), ..t.subject() };
    tenants.iter().map(newcomer).collect()
}

/// Makes two tenants that the application may become, and checks them.
async fn make(conn: &mut PgConnection, site: &Site, application: &str) -> [Tenant; 2] {
    let tenants = [site.tenant(1, "acme"), site.tenant(2, "rival")];
    let set = MigrationSet::embedded();
    let mut tx = conn.begin().await.unwrap();
    let promise = Promise::learn(&mut tx, &set).await.unwrap();
    let made = newcomers(&tenants, application);
    newcomers::create_roles(&mut tx, &made, CONNECTIONS).await.unwrap();
    newcomers::create_schemas(&mut tx, &made).await.unwrap();
    newcomers::migrate(&mut tx, &made, &set).await.unwrap();
    newcomers::grant(&mut tx, &made, &promise).await.unwrap();
    verify::verify_newcomers(&mut tx, &made, &promise).await.unwrap();
    tx.commit().await.unwrap();
    tenants
}

/// A session of the application that has become the tenant, as its requests do.
async fn become_tenant(conn: &mut PgConnection, tenant: &Tenant) -> sqlx::Result<()> {
    let (role, schema) = (&tenant.role, &tenant.schema);
    execute(conn, &format!("set local role {role}; set local search_path to {schema}")).await
}

async fn faults(
    conn: &mut PgConnection,
    tenant: &Tenant,
    application: Option<&str>,
) -> Vec<String> {
    let promise = Promise::learn(conn, &MigrationSet::embedded()).await.unwrap();
    let subject = Subject { application_role: application, ..tenant.subject() };
    let found = verify::look_at_rights(conn, &[subject], &promise).await.unwrap();
    found.into_iter().flat_map(|faults| faults.into_sentences()).collect()
}

async fn confined(site: &Site, application: &str, [acme, rival]: &[Tenant; 2]) {
    let mut app = site.connect_as(application).await.unwrap();
    let own = "select count(*) from acme.person";

    // by itself it reads nothing of any tenant
    assert_eq!(sqlstate(execute(&mut app, own).await), "42501");
    // as a tenant it finds its rows, and no other's
    let mut tx = app.begin().await.unwrap();
    become_tenant(&mut tx, acme).await.unwrap();
    execute(&mut tx, "insert into person (email, full_name) values ('a@b.c', 'A')").await.unwrap();
    assert_eq!(count(&mut tx, "select count(*) from person").await, 1);
    let mut savepoint = tx.begin().await.unwrap();
    let neighbours = execute(&mut savepoint, "select * from rival.person").await;
    assert_eq!(sqlstate(neighbours), "42501");
    savepoint.rollback().await.unwrap();
    let mut savepoint = tx.begin().await.unwrap();
    let control = execute(&mut savepoint, "select * from tenantry.tenants").await;
    assert_eq!(sqlstate(control), "42501");
    savepoint.rollback().await.unwrap();
    execute(&mut tx, "reset role").await.unwrap();
    assert_eq!(sqlstate(execute(&mut tx, own).await), "42501");
    drop(tx);
    // the transaction's end is the role's end too
    let mut tx = app.begin().await.unwrap();
    become_tenant(&mut tx, rival).await.unwrap();
    assert_eq!(count(&mut tx, "select count(*) from person").await, 0);
    tx.commit().await.unwrap();
    assert_eq!(sqlstate(execute(&mut app, own).await), "42501");
    // and a tenant may not become the application or another tenant
    let mut tenant = site.connect_as(acme.role.as_str()).await.unwrap();
    for other in [application, rival.role.as_str()] {
        let become_other = format!("set role \"{other}\"");
        assert_eq!(sqlstate(execute(&mut tenant, &become_other).await), "42501");
    }
}

#[tokio::test]
async fn the_application_has_the_rights_of_the_tenant_it_became_and_of_no_other() {
    let site = site().await;
    let application = application(&site).await;
    let mut conn = site.db.pool.acquire().await.unwrap();

    let tenants = make(&mut conn, &site, &application).await;

    confined(&site, &application, &tenants).await;
    for tenant in &tenants {
        assert_eq!(faults(&mut conn, tenant, Some(&application)).await, Vec::<String>::new());
        schema::drop(&mut conn, &tenant.schema).await.unwrap();
        assert!(role::drop_owned(&mut conn, &tenant.role, &tenant.mark).await.unwrap());
    }
}

#[tokio::test]
async fn an_owner_without_superuser_rights_lets_the_application_in_and_out() {
    let site = site().await;
    let application = application(&site).await;
    site.undo_bootstrap().await;
    site.hand_to_an_owner().await;
    site.run(&format!("grant select on tenantry.installation to {}", site.owner())).await;
    let mut conn = site.connect_as(&site.owner()).await.unwrap();
    bootstrap(&mut conn, &site.installation).await.unwrap();
    site.run(&format!(
        "do $$ begin execute format('grant connect on database %I to \"{application}\"',
             current_database()); end $$"
    ))
    .await;

    let tenants = make(&mut conn, &site, &application).await;

    confined(&site, &application, &tenants).await;
    let roles = tenants.each_ref().map(|tenant| tenant.role.clone());
    let held = application_role::held(&mut conn, &site.installation, &application, 9).await;
    assert_eq!(held.unwrap(), roles);
    for role in &roles {
        application_role::revoke(&mut conn, role, &application).await.unwrap();
    }
    assert_eq!(application_role::count(&mut conn, &application, 9).await.unwrap(), 0);
    let granted = application_role::grant(&mut conn, &roles, &application).await.unwrap();
    assert_eq!(granted, 2);
    assert_eq!(application_role::grant(&mut conn, &roles, &application).await.unwrap(), 0);
    let mut tx = conn.begin().await.unwrap();
    schema::drop(&mut tx, &tenants[0].schema).await.unwrap();
    role::drop(&mut tx, &roles[0]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(application_role::count(&mut conn, &application, 9).await.unwrap(), 1);
}

#[tokio::test]
async fn any_other_member_is_a_fault_that_is_mended() {
    let site = site().await;
    let application = application(&site).await;
    let mut conn = site.db.pool.acquire().await.unwrap();
    let [acme, rival] = make(&mut conn, &site, &application).await;
    let stranger = format!("tn_{}_stranger", site.installation);
    site.run(&format!("create role {stranger}; grant {} to {stranger}", acme.role)).await;
    let member = "another role is a member of the role";
    let missing = "the application's role is not a member of the role, as it should be";
    assert_eq!(faults(&mut conn, &acme, Some(&application)).await, [member]);
    assert_eq!(faults(&mut conn, &rival, None).await, [member]);
    site.run(&format!("revoke {} from \"{application}\"", rival.role)).await;
    assert_eq!(faults(&mut conn, &rival, Some(&application)).await, [missing]);
    site.run(&format!("grant {} to \"{application}\" with admin option", rival.role)).await;
    assert_eq!(faults(&mut conn, &rival, Some(&application)).await, [missing, member]);

    for tenant in [&acme, &rival] {
        let promise = Promise::learn(&mut conn, &MigrationSet::embedded()).await.unwrap();
        let subject = Subject { application_role: Some(&application), ..tenant.subject() };
        mend::role_and_rights(&mut conn, &subject, &promise, CONNECTIONS).await.unwrap();
    }

    for tenant in [&acme, &rival] {
        assert_eq!(faults(&mut conn, tenant, Some(&application)).await, Vec::<String>::new());
    }
    confined(&site, &application, &[acme, rival]).await;
}

/// Where memberships say whether they give rights, one that does is not the application's.
#[tokio::test]
async fn a_membership_that_gives_rights_without_set_role_is_a_fault() {
    let site = site().await;
    let application = application(&site).await;
    let mut conn = site.db.pool.acquire().await.unwrap();
    let [acme, _] = make(&mut conn, &site, &application).await;
    if !site.makers_are_members() {
        return;
    }
    for options in ["inherit true", "set false"] {
        site.run(&format!("grant {} to \"{application}\" with {options}", acme.role)).await;

        let found = faults(&mut conn, &acme, Some(&application)).await;

        assert_eq!(found.len(), 2, "{options}: {found:?}");
        site.run(&format!("grant {} to \"{application}\" with inherit false, set true", acme.role))
            .await;
    }
}

#[tokio::test]
async fn a_role_that_is_not_fit_is_refused_with_the_statement_that_helps() {
    let site = site().await;
    let mut conn = site.db.pool.acquire().await.unwrap();
    let application = application(&site).await;
    let tenant = site.provisioned(1, "acme").await;
    let owner = site.owner();
    site.hand_to_an_owner().await;
    let lacking = async |conn: &mut PgConnection, role: &str| {
        application_role::lacking(conn, role).await.unwrap().join("; ")
    };
    assert_eq!(lacking(&mut conn, &application).await, "");

    for (role, told) in [
        ("no such \"role\"", "(run: create role \"no such \"\"role\"\"\" login noinherit)"),
        ("postgres", "is a superuser"),
        (tenant.role.as_str(), "is one of Tenantry's own"),
        (tenant.role.its_group().as_str(), "is one of Tenantry's own"),
        (owner.as_str(), "owns schema tenantry"),
    ] {
        let found = lacking(&mut conn, role).await;
        assert!(found.contains(told), "{role}: {found}");
    }
    let remedied = [
        format!("grant {owner} to \"{application}\""),
        format!("alter role \"{application}\" inherit"),
        "do $$ begin execute format('revoke connect on database %I from \"tn_app\"',
             current_database()); end $$"
            .replace("tn_app", &application),
    ];
    for (damage, expected) in remedied.iter().zip(["revoke", "noinherit", "grant connect"]) {
        if expected == "noinherit" && site.makers_are_members() {
            continue;
        }
        site.run(damage).await;
        let found = lacking(&mut conn, &application).await;
        let (_, remedy) = found.split_once("(run: ").unwrap();
        assert!(remedy.contains(expected), "{found}");
        site.run(remedy.trim_end_matches(')')).await;
        assert_eq!(lacking(&mut conn, &application).await, "", "{damage}");
    }
}
