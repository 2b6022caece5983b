//! An application becomes its tenants by SET ROLE: the setting, the command for tenants that exist, and
//! the programs of `examples/`.

use std::{path::Path, process::Stdio, time::Duration};

use harness::Db;
use serde_json::Value;
use sqlx::AssertSqlSafe;

use super::support::{Ran, System, binary, environment, installation, tenants, within};

/// How long a command may take.
const ENDS_IN: Duration = Duration::from_secs(60);

const ROLE: &str = "TENANTRY__TENANTS__APPLICATION_ROLE";
const LIMIT: &str = "TENANTRY__TENANTS__APPLICATION_ROLE_LIMIT";

/// A database with a role for an application, which may connect and has no right beside that.
async fn database() -> (Db, String) {
    let db = harness::fresh_db().await;
    let role = format!("tn_{}_app", installation(&db.pool).await);
    let create = format!(
        "create role {role} login noinherit;
         do $$ begin execute format('grant connect on database %I to {role}', current_database()); end $$"
    );
    sqlx::raw_sql(AssertSqlSafe(create)).execute(&db.pool).await.unwrap();
    (db, role)
}

/// The database's URL with another user.
fn as_user(url: &str, user: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap();
    let rest = rest.split_once('@').map_or(rest, |(_, rest)| rest);
    format!("{scheme}://{user}@{rest}")
}

/// Runs an example for the first tenant of a system, with the second as the neighbour.
async fn example(program: &Path, args: &[&str]) {
    let (db, role) = database().await;
    let (url, app) = (db.url.clone(), as_user(&db.url, &role));
    let system = System::on(db, &url, 1, &[(ROLE, &role)]).await;
    let made = system.provision(tenants(2)).await;
    let mut command = tokio::process::Command::new(program);
    command.args(args).args(["t0.example.com", "t1.example.com"]).stdin(Stdio::null());
    command.env("APP_DATABASE_URL", app).env("TENANTRY_URL", &system.api.url);
    command.env("TENANTRY_TOKEN", &system.token).kill_on_drop(true);

    let output = within("the example to end", ENDS_IN, command.output()).await.unwrap();

    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    assert!(out.contains("has 1 person") && out.contains("refused: "), "{out}");
    let schema = made[0]["schema_name"].as_str().unwrap();
    let rows = format!("select count(*) from {schema}.person");
    let rows: i64 =
        sqlx::query_scalar(AssertSqlSafe(rows)).fetch_one(&system.db.pool).await.unwrap();
    assert_eq!(rows, 1);
}

/// The one in Rust always; `scripts/examples` brings what those in Python and Node need.
#[tokio::test]
async fn the_examples_use_a_tenant_and_are_refused_another() {
    example(&binary("examples/use_tenant"), &[]).await;
    if let Some(python) = std::env::var_os("EXAMPLES_PYTHON") {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/python/use_tenant.py");
        example(Path::new(&python), &[file]).await;
    }
    if let Ok(file) = std::env::var("EXAMPLES_NODE") {
        example(Path::new("node"), &[&file]).await;
    }
}

/// Runs the command with the settings, and tells what it says for programs.
async fn application_role(system: &System, args: &[&str], settings: &[(&str, &str)]) -> Ran {
    let env = environment(&system.db.url, settings);
    system.cli_with(&[&["tenant", "application-role"], args].concat(), &env).await
}

fn number(told: &Value, name: &str) -> i64 {
    told[name].as_i64().unwrap_or_else(|| panic!("no {name}: {told}"))
}

#[tokio::test]
async fn tenants_that_exist_get_the_applications_role_by_a_command_and_lose_it_by_another() {
    let (db, role) = database().await;
    let url = db.url.clone();
    let mut system = System::on(db, &url, 1, &[]).await;
    system.provision(tenants(3)).await;
    let with = [(ROLE, role.as_str())];
    let unset = application_role(&system, &[], &[]).await;
    let too_many = application_role(&system, &[], &[with[0], (LIMIT, "2")]).await;

    let first = application_role(&system, &["--json"], &with).await.json();
    let again = application_role(&system, &["--json"], &with).await.json();

    assert!(unset.code == Some(1) && unset.err.contains("is not set"), "{}", unset.err);
    assert!(too_many.code == Some(1) && too_many.err.contains("may become 2"), "{}", too_many.err);
    assert_eq!((number(&first, "granted"), number(&first, "memberships")), (3, 3));
    assert!(first["first_set_role_ms"].is_f64(), "{first}");
    assert_eq!((number(&again, "granted"), number(&again, "tenants")), (0, 3));
    // a worker gives it to new tenants, and doctor finds nothing wrong
    system.workers.clear();
    system.add_worker(&with).await;
    system.provision(tenants(5).split_off(3)).await;
    let env = environment(&url, &with);
    let doctor = system.cli_with(&["doctor"], &env).await;
    assert!(doctor.code == Some(0) && doctor.out.contains("nothing is wrong"), "{}", doctor.out);
    let kept = application_role(&system, &["--revoke", &role], &with).await;
    let nobody = application_role(&system, &["--revoke", "nosuch"], &[]).await;
    assert!(nobody.code == Some(1) && nobody.err.contains("no role nosuch"), "{nobody:?}");
    assert!(kept.code == Some(1) && kept.err.contains("would get it again"), "{}", kept.err);
    let taken = application_role(&system, &["--revoke", &role, "--json"], &[]).await.json();
    assert_eq!(number(&taken, "revoked"), 5);
    let doctor = system.cli(&["doctor"]).await;
    assert!(doctor.code == Some(0), "{}", doctor.out);
    let acts = "select sum((detail ->> 'tenants')::int)::bigint from tenantry.audit_log
                where action like 'tenant.application\\_role\\_%'";
    assert_eq!(system.count(acts).await, 3 + 5);
}

#[tokio::test]
async fn a_role_that_is_not_fit_stops_installation_and_workers_with_the_statement_that_helps() {
    let (db, role) = database().await;
    let url = db.url.clone();
    let system = System::on(db, &url, 0, &[]).await;
    let superuser = format!("alter role {role} superuser");
    sqlx::raw_sql(AssertSqlSafe(superuser)).execute(&system.db.pool).await.unwrap();
    let with = [(ROLE, role.as_str())];
    let env = environment(&url, &with);
    let helps = format!("alter role {role} nosuperuser");

    let up = system.cli_with(&["migrate", "public", "up"], &env).await;
    let command = application_role(&system, &[], &with).await;
    let mut worker = system.spawn_worker("unfit", &with);

    assert!(up.code == Some(1) && up.err.contains(&helps), "{}", up.err);
    assert!(command.code == Some(1) && command.err.contains(&helps), "{}", command.err);
    assert!(!worker.end(ENDS_IN).await.success());
    assert!(worker.log().contains(&helps), "{}", worker.log());
}
