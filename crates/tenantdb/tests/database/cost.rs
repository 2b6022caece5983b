//! Nothing costs more because there are more tenants.

use domain::SchemaName;
use sqlx::Connection;
use tenantdb::{
    MigrationSet, Promise, Subject, application_role,
    door::{self, Door},
    grants::{self, Due},
    migrations, newcomers,
    removal::{self, Leaving},
    role, schema, shape, verify,
};

use crate::support::{Site, Tenant, count, counters, grown, set_of, site, site_alone};

/// Other schemas in the database: enough that reading a catalogue whole is the worse plan.
const OTHERS: u32 = 600;

/// A database with [`OTHERS`] other schemas and roles, analyzed: the planner knows their number.
/// On a server of its own: changes by others would make its sessions read whole catalogues again.
async fn crowded_site() -> Site {
    let site = site_alone().await;
    site.run(&format!(
        "create role tn_{0}_app noinherit;
         do $$ begin for n in 1..{OTHERS} loop
             execute format('create schema o%s; create table o%s.a (id int primary key references o%s.a, b text default 1);
                 create function o%s.f() returns int language sql as ''select 1'';
                 comment on schema o%s is ''x''', n, n, n, n, n);
             execute format('create role tn_{0}_o%s in role tn_{0}_tenants', n);
             execute format('grant tn_{0}_o%s to tn_{0}_app', n);
             execute format('comment on role tn_{0}_o%s is ''x''', n);
             execute format('alter role tn_{0}_o%s set search_path to o%s, pg_temp', n, n);
             execute format('alter default privileges in schema o%s
                 grant select on tables to tn_{0}_o%s', n, n);
         end loop; end $$",
        site.installation
    ))
    .await;
    site.run("analyze").await;
    site
}

#[tokio::test]
async fn no_catalogue_is_read_whole_while_a_tenant_is_made_changed_and_dropped() {
    let site = crowded_site().await;
    let (set, tenant) = (MigrationSet::embedded(), site.tenant(1, "acme"));
    let mut conn = site.db.pool.acquire().await.unwrap();
    let promise = Promise::learn(&mut conn, &set).await.unwrap();
    let mut conn = conn.begin().await.unwrap();
    let before = counters(&mut conn, "numscans").await;

    tenant.provision(&mut conn, &set).await;
    role::owner(&mut conn, &tenant.role).await.unwrap();
    schema::owner(&mut conn, &tenant.schema).await.unwrap();
    shape::read(&mut conn, &tenant.schema).await.unwrap();
    tenant.applied(&mut conn).await;
    let (schema, role, mark) = (&tenant.schema, &tenant.role, tenant.mark.clone());
    let application = format!("tn_{}_app", site.installation);
    let roles = std::slice::from_ref(role);
    assert_eq!(application_role::grant(&mut conn, roles, &application).await.unwrap(), 1);
    let application_role = Some(application.as_str());
    let (neighbour, path) = (Some(schema), tenantdb::TenantPath::ALONE);
    let subject = Subject { schema, role, mark, neighbour, path, application_role };
    verify::verify(&mut conn, &subject, &promise).await.unwrap();
    let subject = Subject { neighbour: None, ..subject };
    newcomers::fingerprints(&mut conn, &site.installation, [tenant.mark.tenant]).await.unwrap();
    verify::look_at_rights(&mut conn, &[subject], &promise).await.unwrap();
    tenant.revert(&mut conn, &set, Some(&migrations::Target::Start)).await.unwrap();
    tenant.apply(&mut conn, &set).await.unwrap();
    assert!(schema::drop_owned(&mut conn, schema, &tenant.mark).await.unwrap());
    let mut whole = grown(&before, &counters(&mut conn, "numscans").await);
    // a cluster has few databases, however many tenants
    whole.retain(|catalogue| catalogue != "pg_database");
    assert_eq!(whole, Vec::<String>::new());

    assert!(role::drop_owned(&mut conn, role, &tenant.mark).await.unwrap());
    // the server has no other way to drop a role
    let mut whole = grown(&before, &counters(&mut conn, "numscans").await);
    whole.retain(|catalogue| catalogue != "pg_database");
    assert_eq!(whole, ["pg_db_role_setting"]);
}

/// Tenants in one statement. For that many the planner would rather read all roles than look up each one.
const TOGETHER: i64 = 40;

#[tokio::test]
async fn no_catalogue_is_read_whole_for_many_tenants_at_once() {
    let site = crowded_site().await;
    let set = MigrationSet::embedded();
    let mut tx = site.begin().await;
    let promise = Promise::learn(&mut tx, &set).await.unwrap();
    let tenants: Vec<Tenant> = (1..=TOGETHER).map(|n| site.tenant(n, &format!("t{n}"))).collect();
    let subjects: Vec<Subject<'_>> = tenants.iter().map(Tenant::subject).collect();
    newcomers::create_roles(&mut tx, &subjects, 5).await.unwrap();
    newcomers::create_schemas(&mut tx, &subjects).await.unwrap();
    newcomers::migrate(&mut tx, &subjects, &set).await.unwrap();
    newcomers::grant(&mut tx, &subjects, &promise).await.unwrap();
    let before = counters(&mut tx, "numscans").await;

    verify::verify_newcomers(&mut tx, &subjects, &promise).await.unwrap();
    verify::verify_adopted(&mut tx, &subjects).await.unwrap();
    verify::look_at_rights(&mut tx, &subjects, &promise).await.unwrap();
    let promise = Some(&promise);
    let due = tenants.iter().map(|it| Due { schema: &it.schema, role: &it.role, promise });
    let due: Vec<Due<'_>> = due.collect();
    grants::complete(&mut tx, &due, set.path()).await.unwrap();
    let doors = tenants.iter().map(|it| Door { schema: &it.schema, role: &it.role });
    let doors: Vec<Door<'_>> = doors.collect();
    door::rights(&mut tx, &doors).await.unwrap();
    door::end_sessions(&mut tx, &doors).await.unwrap();
    let schemas: Vec<&SchemaName> = subjects.iter().map(|it| it.schema).collect();
    removal::remains(&mut tx, &schemas).await.unwrap();
    removal::drop_schemas(&mut tx, &schemas).await.unwrap();
    let mut whole = grown(&before, &counters(&mut tx, "numscans").await);
    whole.retain(|catalogue| catalogue != "pg_database");
    assert_eq!(whole, Vec::<String>::new());

    let leaving = tenants.iter().map(|it| Leaving {
        schema: &it.schema,
        role: &it.role,
        mark: it.mark.clone(),
        imported: false,
    });
    let leaving: Vec<Leaving<'_>> = leaving.collect();
    let before = counters(&mut tx, "numscans").await;
    assert_eq!(removal::drop_roles(&mut tx, &leaving).await.unwrap(), []);
    // the server has no other way to drop a role
    assert_eq!(grown(&before, &counters(&mut tx, "numscans").await), ["pg_db_role_setting"]);
}

/// How many locks the server has places for.
const PLACES: &str = "select current_setting('max_locks_per_transaction')::bigint
    * (current_setting('max_connections')::bigint
       + current_setting('max_prepared_transactions')::bigint)";

#[tokio::test]
async fn as_many_tenants_as_are_made_at_once_leave_half_of_the_locks_to_others() {
    const TRANSACTIONS: usize = 40;
    let site = site().await;
    let tables: String = (0..20).map(|n| format!("create table t{n} (id int unique);\n")).collect();
    let set = set_of(&[("0001_tables.sql", &tables)]);
    let mut tx = site.begin().await;
    let promise = Promise::learn(&mut tx, &set).await.unwrap();
    let at_once = promise.tenants_at_once(TRANSACTIONS);

    for n in 1..=i64::try_from(at_once).unwrap() {
        site.tenant(n, &format!("t{n}")).provision(&mut tx, &set).await;
    }

    let held = count(&mut tx, "select count(*) from pg_locks where pid = pg_backend_pid()").await;
    let all = held * i64::try_from(TRANSACTIONS).unwrap();
    let places = count(&mut tx, PLACES).await;
    assert!(at_once > 1 && all <= places / 2 + held, "{at_once}: {all} of {places}");
    assert!(all > places / 4, "there is room for more than {at_once}");
    assert_eq!(promise.tenants_at_once(usize::MAX), 1);
}
