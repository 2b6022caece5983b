//! `create database staging template prod`: two databases that say they are one installation.

use std::{path::Path, time::Duration};

use harness::Db;
use serde_json::json;
use sqlx::PgPool;
use tenantdb::share;

use super::{
    plain_owner::{owned_database, url_of},
    support::{
        Client, Environment, Process, System, environment, eventually, examine, installation,
        orphans, run, tenant, tenants,
    },
};

/// How long a command may take, and how soon a process gives up.
const ENDS_IN: Duration = Duration::from_secs(90);

/// Spares are part of what is copied, and so is what tenants share.
const SETTINGS: &[(&str, &str)] = &[
    ("TENANTRY__POOL__SIZE", "3"),
    ("TENANTRY__WORKER__SWEEP_MS", "300"),
    ("TENANTRY__TENANTS__EXTENSIONS", "citext"),
    ("TENANTRY__TENANTS__SHARED_TABLES", "public.countries"),
];

/// Everything of the roles of one installation, and of who is in which group.
const ROLES: &str = "
select concat_ws(' ', r.rolname, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcanlogin,
    r.rolconnlimit, r.rolconfig, shobj_description(r.oid, 'pg_authid'),
    (select array_agg(g.rolname order by g.rolname) from pg_auth_members m
     join pg_roles g on g.oid = m.roleid where m.member = r.oid))
from pg_roles r where r.rolname ~ format('^tn_%s_(?!owner)', $1) order by r.rolname";

/// Every schema with its owner, rights and mark, and the rights on what is in it.
const SCHEMAS: &str = "
select concat_ws(' ', n.nspname, n.nspowner, n.nspacl, obj_description(n.oid, 'pg_namespace'),
    (select string_agg(format('%s %s %s', c.oid, c.relname, c.relacl), ',' order by c.oid)
     from pg_class c where c.relnamespace = n.oid))
from pg_namespace n where n.nspname !~ '^pg_' order by n.nspname";

/// Rights of installation $1's roles in this database: to connect, or on a tenant's schema.
const INTRUSIONS: &str = "
select format('%s may connect', r.rolname) from pg_roles r
where r.rolname ~ format('^tn_%s_([0-9]+|tenants)$', $1)
  and has_database_privilege(r.oid, current_database(), 'connect')
union all
select format('%s may use %s', r.rolname, n.nspname) from pg_roles r, pg_namespace n
where r.rolname ~ format('^tn_%s_([0-9]+|tenants)$', $1) and n.nspname !~ '^pg_|^information_schema$'
  and has_schema_privilege(r.oid, n.oid, 'usage, create')
union all
select format('%s may read %s', r.rolname, c.oid::regclass) from pg_roles r, pg_class c
join pg_namespace n on n.oid = c.relnamespace
where r.rolname ~ format('^tn_%s_([0-9]+|tenants)$', $1) and n.nspname !~ '^pg_|^information_schema$' and c.relkind = 'r'
  and has_table_privilege(r.oid, c.oid, 'select')
union all
select format('function %s acts for it', p.proname) from pg_proc p
where starts_with(p.proname, format('tn_%s_', $1))";

async fn list(pool: &PgPool, sql: &'static str, of: &str) -> Vec<String> {
    sqlx::query_scalar(sql).bind(of).fetch_all(pool).await.unwrap()
}

async fn schemas(pool: &PgPool) -> Vec<String> {
    sqlx::query_scalar(SCHEMAS).fetch_all(pool).await.unwrap()
}

/// As in a cluster where nobody else connects: other stories' roles would make the database a shared
/// one, where PUBLIC may connect.
async fn alone(url: &str) {
    let owner = PgPool::connect(url).await.unwrap();
    sqlx::query("update tenantry.installation set mode = 'own'").execute(&owner).await.unwrap();
    let mut conn = owner.acquire().await.unwrap();
    let installation = store::installation(&mut conn).await.unwrap();
    tenantdb::bootstrap(&mut conn, &installation).await.unwrap();
    let (extensions, tables) = (vec!["citext".to_owned()], vec!["public.countries".to_owned()]);
    let shared = tenantdb::Shared { extensions, tables };
    sqlx::query("create table public.countries (code text)").execute(&mut *conn).await.unwrap();
    share::create_extensions(&mut conn, &shared).await.unwrap();
    share::grant(&mut conn, &installation, &shared).await.unwrap();
}

/// Three tenants, three spares and a batch that no worker has begun; then all processes end.
async fn original() -> (System, String) {
    let (db, url) = owned_database().await;
    alone(&url).await;
    let mut system = System::on(db, &url, 1, SETTINGS).await;
    system.provision(tenants(3)).await;
    eventually("the pool to be full", ENDS_IN, async || {
        (system.count("select count(*) from tenantry.spares").await == 3).then_some(())
    })
    .await;
    assert!(system.workers[0].terminate(ENDS_IN).await.success());
    let open = system.submit(vec![tenant(10), tenant(11)]).await;
    assert!(system.api.terminate(ENDS_IN).await.success());
    (system, open)
}

/// The user of `original` at the copy.
async fn copy_of(original: &System) -> (Db, String) {
    let copy = harness::copy_of(&original.db).await;
    let owner = format!("tn_{}_owner", installation(&copy.pool).await);
    let own = format!(
        "do $$ begin execute format('alter database %I owner to {owner}', current_database()); end $$"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(own)).execute(&copy.pool).await.unwrap();
    let url = url_of(&copy, &owner);
    (copy, url)
}

async fn every_process_stops(dir: &Path, env: &Environment) {
    let told = |words: &str| {
        assert!(words.contains("a copy"), "{words}");
        assert!(words.contains("tenantry restore adopt --moved"), "{words}");
        assert!(words.contains("tenantry restore adopt --copy"), "{words}");
    };
    for program in ["tenantry-api", "tenantry-worker"] {
        let mut process = Process::spawn(program, &["--port", "0"], program, dir, env);
        assert!(!process.end(ENDS_IN).await.success(), "{program} works on a copy");
        told(&process.log());
    }
    for args in [
        &["doctor"][..],
        &["migrate", "public", "up"],
        &["migrate", "public", "down", "--yes"],
        &["migrate", "tenant", "up", "--all"],
        &["token", "create", "--name", "second"],
    ] {
        let ran = run("tenantry", args, dir, env, ENDS_IN).await;
        assert_eq!(ran.code, Some(1), "{args:?}: {ran:?}");
        told(&ran.err);
    }
}

async fn healthy(dir: &Path, env: &Environment) {
    let doctor = examine(dir, env).await;
    assert_eq!(doctor.code, Some(0), "{}\n{}", doctor.out, doctor.err);
}

#[tokio::test]
async fn a_copied_database_is_noticed_gets_an_identity_of_its_own_and_leaves_the_original_alone() {
    let (mut original, open) = original().await;
    let dir = tempfile::tempdir().unwrap();
    let (copy, url) = copy_of(&original).await;
    let env = environment(&url, SETTINGS);
    let old = installation(&original.db.pool).await;
    let before = (list(&original.db.pool, ROLES, &old).await, schemas(&original.db.pool).await);

    every_process_stops(dir.path(), &env).await;
    let moved = run("tenantry", &["restore", "adopt", "--moved"], dir.path(), &env, ENDS_IN).await;
    let copied = run("tenantry", &["restore", "adopt", "--copy"], dir.path(), &env, ENDS_IN).await;
    let again = run("tenantry", &["restore", "adopt", "--copy"], dir.path(), &env, ENDS_IN).await;

    assert_eq!(moved.code, Some(1), "{moved:?}");
    assert!(moved.err.contains("is in use by installation"), "{moved:?}");
    assert_eq!(copied.code, Some(0), "{copied:?}");
    assert!(copied.out.contains("3 tenants got roles of their own, 3 spares"), "{copied:?}");
    assert!(again.out.contains("nothing to do"), "{again:?}");
    let audited =
        "select action from tenantry.audit_log where actor like 'cli:%' order by id desc limit 2";
    let audited: Vec<String> = sqlx::query_scalar(audited).fetch_all(&copy.pool).await.unwrap();
    assert_eq!(audited, ["installation.adopted", "installation.copied"]);
    let new = installation(&copy.pool).await;
    assert_ne!(new, old);
    assert_eq!(list(&copy.pool, INTRUSIONS, &old).await, Vec::<String>::new());
    assert_eq!(list(&original.db.pool, INTRUSIONS, &new).await, Vec::<String>::new());
    healthy(dir.path(), &env).await;
    let mut copy = System::on(copy, &url, 1, SETTINGS).await;
    assert!(!copy.batch(&open).await["finished_at"].is_string(), "the copy's queue is paused");
    copy.client.post("/api/v1/queue/resume", &json!({}), &[]).await.json(200);
    assert_eq!(copy.finished(&open).await["state"], "completed");
    copy.provision((20..24).map(tenant).collect()).await;
    assert!(copy.workers[0].terminate(ENDS_IN).await.success());
    assert_eq!(orphans(&copy.db.pool).await, Vec::<String>::new());
    healthy(dir.path(), &env).await;
    let after = (list(&original.db.pool, ROLES, &old).await, schemas(&original.db.pool).await);
    assert_eq!(after, before);

    let api = Process::start("tenantry-api", &["--port", "0"], "api", dir.path(), &original.env);
    original.api = api.await;
    original.client = Client::anonymous(&original.api.url).with_token(&original.token);
    let worker = original.add_worker(&[]).await;
    assert!(worker.has_ended().is_none());
    assert_eq!(original.finished(&open).await["state"], "completed");
    original.provision((20..24).map(tenant).collect()).await;
    assert!(original.workers[1].terminate(ENDS_IN).await.success());
    assert_eq!(orphans(&original.db.pool).await, Vec::<String>::new());
    healthy(dir.path(), &original.env).await;
    assert_eq!(list(&copy.db.pool, INTRUSIONS, &old).await, Vec::<String>::new());
    assert_eq!(list(&original.db.pool, INTRUSIONS, &new).await, Vec::<String>::new());
    drop(copy);
}

#[tokio::test]
async fn an_adoption_that_was_killed_midway_is_ended_by_the_next_one() {
    let (original, _) = original().await;
    let dir = tempfile::tempdir().unwrap();
    let (copy, url) = copy_of(&original).await;
    let env = environment(&url, SETTINGS);
    let old = installation(&original.db.pool).await;
    let before = (list(&original.db.pool, ROLES, &old).await, schemas(&original.db.pool).await);
    let mut hold = copy.pool.begin().await.unwrap();
    let last = "select id from tenantry.tenants where state = 'active'
                order by schema_name desc limit 1 for update";
    sqlx::query(last).execute(&mut *hold).await.unwrap();

    let args = ["restore", "adopt", "--copy"];
    let mut first = Process::spawn("tenantry", &args, "first", dir.path(), &env);
    eventually("all but the last to have roles of their own", ENDS_IN, async || {
        let of_old = "select role_name from tenantry.tenants
                      where state = 'active' and starts_with(role_name, format('tn_%s_', $1))";
        (list(&copy.pool, of_old, &old).await.len() == 1).then_some(())
    })
    .await;
    first.kill().await;
    hold.rollback().await.unwrap();
    let early = run("tenantry", &["doctor"], dir.path(), &env, ENDS_IN).await;
    let second = run("tenantry", &args, dir.path(), &env, ENDS_IN).await;

    assert!(early.err.contains("tenantry restore adopt --copy"), "{early:?}");
    assert_eq!(second.code, Some(0), "{second:?}");
    assert!(second.out.contains("1 tenant got roles of their own, 3 spares"), "{second:?}");
    healthy(dir.path(), &env).await;
    assert_eq!(list(&copy.pool, INTRUSIONS, &old).await, Vec::<String>::new());
    let after = (list(&original.db.pool, ROLES, &old).await, schemas(&original.db.pool).await);
    assert_eq!(after, before);
}

#[tokio::test]
async fn roles_of_a_dropped_database_go_on_demand_and_those_in_use_stay() {
    let (system, _) = original().await;
    let elsewhere = harness::empty_db().await;
    let id = installation(&system.db.pool).await;
    let name: String = sqlx::query_scalar("select current_database()::text")
        .fetch_one(&system.db.pool)
        .await
        .unwrap();
    let owner = format!("tn_{id}_owner");
    let env = environment(&url_of(&elsewhere, &owner), &[]);
    let dir = tempfile::tempdir().unwrap();
    let drop_roles = ["restore", "drop-roles", &id, "--yes"];

    let in_use = run("tenantry", &drop_roles, dir.path(), &env, ENDS_IN).await;
    let gone = sqlx::AssertSqlSafe(format!("drop database \"{name}\" with (force)"));
    sqlx::raw_sql(gone).execute(&elsewhere.pool).await.unwrap();
    let dropped = run("tenantry", &drop_roles, dir.path(), &env, ENDS_IN).await;

    assert_eq!(in_use.code, Some(1), "{in_use:?}");
    assert!(in_use.err.contains(&format!("have rights in database `{name}`")), "{in_use:?}");
    assert_eq!(dropped.code, Some(0), "{dropped:?}");
    let left: Vec<String> =
        sqlx::query_scalar("select rolname from pg_roles where starts_with(rolname, $1)")
            .bind(format!("tn_{id}_"))
            .fetch_all(&elsewhere.pool)
            .await
            .unwrap();
    assert_eq!(
        left,
        std::slice::from_ref(&owner),
        "the user of the installation is an administrator's"
    );
    let owner = sqlx::AssertSqlSafe(format!("drop role {owner}"));
    sqlx::raw_sql(owner).execute(&elsewhere.pool).await.unwrap();
}
