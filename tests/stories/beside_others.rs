//! A stranger's application in the database keeps its rights, in a shared database and in one that
//! is made Tenantry's own.

use std::{str::FromStr as _, time::Duration};

use harness::Db;
use localpg::{Cluster, Options};
use sqlx::{AssertSqlSafe, ConnectOptions as _, PgConnection, postgres::PgConnectOptions};
use tempfile::TempDir;

use super::support::{Ran, System, environment, run, tenants};

/// How long a command may take.
const ENDS_IN: Duration = Duration::from_secs(60);

/// What the application does all day.
const USES: &[&str] = &[
    "select count(*) from legacy",
    "select public.answer()",
    "create temporary table note as select 1 as n",
    "select pg_advisory_lock(7), pg_advisory_unlock(7)",
    "select lo_unlink(lo_create(0))",
];

/// What a tenant may do only with PUBLIC.
const ONLY_WITH_PUBLIC: &[&str] = &[
    "create temporary table note as select 1 as n",
    "select pg_advisory_lock(7), pg_advisory_unlock(7)",
    "select lo_unlink(lo_create(0))",
    "select public.answer()",
];

/// A database of a cluster of its own, in which an application lives.
struct Shop {
    url: String,
    dir: TempDir,
    _cluster: Cluster,
}

impl Shop {
    async fn open() -> Self {
        let dir = tempfile::Builder::new().prefix("tenantry-beside.").tempdir().unwrap();
        let options = Options { durable: false, ..Options::new(dir.path().join("pg")) };
        let started = tokio::task::spawn_blocking(|| Cluster::start(options)).await;
        let cluster = started.unwrap().unwrap();
        cluster.ensure_database("shop").unwrap();
        let shop = Self { url: cluster.url("shop"), dir, _cluster: cluster };
        shop.execute(
            "create role app login; create table legacy (n int); grant all on legacy to app;
             create function answer() returns int language sql as 'select 42'",
        )
        .await;
        shop
    }

    async fn connect_as(&self, role: &str) -> sqlx::Result<PgConnection> {
        PgConnectOptions::from_str(&self.url).unwrap().username(role).connect().await
    }

    async fn execute(&self, sql: &str) {
        let mut conn = self.connect_as("postgres").await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut conn).await.unwrap();
    }

    async fn migrate(&self, flags: &[&str]) -> Ran {
        let args = [&["migrate", "public", "up"], flags].concat();
        let ran =
            run("tenantry", &args, self.dir.path(), &environment(&self.url, &[]), ENDS_IN).await;
        assert_eq!(ran.code, Some(0), "{}\n{}", ran.out, ran.err);
        ran
    }

    /// Which of the statements a role may run, each in a session of its own.
    async fn allowed(&self, role: &str, statements: &[&'static str]) -> Vec<&'static str> {
        let mut allowed = Vec::new();
        for sql in statements {
            let Ok(mut conn) = self.connect_as(role).await else { continue };
            match sqlx::raw_sql(*sql).execute(&mut conn).await {
                Ok(_) => allowed.push(*sql),
                Err(error) => {
                    let code = error.as_database_error().and_then(|e| e.code());
                    assert_eq!(code.as_deref(), Some("42501"), "{sql}: {error}");
                }
            }
        }
        allowed
    }
}

/// A tenant's role and its neighbour's schema.
async fn tenant_and_neighbour(system: &System) -> (String, String) {
    let of =
        "select role_name, schema_name from tenantry.tenants where state = 'active' order by id";
    let rows: Vec<(String, String)> = sqlx::query_as(of).fetch_all(&system.db.pool).await.unwrap();
    (rows[0].0.clone(), rows[1].1.clone())
}

async fn assert_isolated(shop: &Shop, role: &str, neighbour: &str) {
    let mut conn = shop.connect_as(role).await.unwrap();
    let own = "insert into person (email, full_name) values ('a@b.c', 'A') returning id";
    sqlx::raw_sql(own).execute(&mut conn).await.unwrap();
    for foreign in [format!("{neighbour}.person"), "tenantry.tenants".into(), "legacy".into()] {
        let refused = sqlx::raw_sql(AssertSqlSafe(format!("select * from {foreign}")))
            .execute(&mut conn)
            .await
            .unwrap_err();
        let code = refused.as_database_error().and_then(|e| e.code()).unwrap_or_default();
        assert!(["42501", "42P01"].contains(&&*code), "{foreign}: {refused}");
    }
    sqlx::raw_sql("delete from person").execute(&mut conn).await.unwrap();
}

#[tokio::test]
async fn a_strangers_application_keeps_its_rights_in_both_modes() {
    let shop = Shop::open().await;

    let first = shop.migrate(&[]).await;

    assert!(first.out.contains("mode shared"), "{}", first.out);
    assert!(
        first.out.contains("app has through PUBLIC alone: CONNECT on the database"),
        "{}",
        first.out
    );
    assert!(first.out.contains("--revoke-public"), "{}", first.out);
    assert_eq!(shop.allowed("app", USES).await, USES);
    let system = System::on(Db::at(&shop.url), &shop.url, 1, &[]).await;
    system.provision(tenants(6)).await;
    let (role, neighbour) = tenant_and_neighbour(&system).await;
    assert_isolated(&shop, &role, &neighbour).await;
    assert_eq!(shop.allowed(&role, ONLY_WITH_PUBLIC).await, ONLY_WITH_PUBLIC);
    let doctor = system.cli(&["doctor", "--all-tenants"]).await;
    assert_eq!(doctor.code, Some(0), "{}\n{}", doctor.out, doctor.err);
    assert_eq!(doctor.out.matches("database_shared").count(), 1, "{}", doctor.out);

    assert!(shop.migrate(&[]).await.out.contains("mode shared"));
    let own = shop.migrate(&["--revoke-public"]).await;

    assert!(own.out.contains("mode own"), "{}", own.out);
    assert!(own.out.contains("revoked from PUBLIC: "), "{}", own.out);
    assert!(own.out.contains("granted by name to app: CONNECT on the database"), "{}", own.out);
    assert_eq!(shop.allowed("app", USES).await, USES);
    assert_eq!(shop.allowed(&role, ONLY_WITH_PUBLIC).await, [""; 0]);
    assert_isolated(&shop, &role, &neighbour).await;
    system.provision(tenants(9).split_off(6)).await;
    let doctor = system.cli(&["doctor", "--all-tenants"]).await;
    assert_eq!(doctor.code, Some(0), "{}\n{}", doctor.out, doctor.err);
    assert!(doctor.out.contains("nothing is wrong"), "{}", doctor.out);
    assert!(!doctor.out.contains("database_"), "{}", doctor.out);
    shop.execute("create role late login").await;
    assert!(shop.connect_as("late").await.is_err(), "PUBLIC may connect");
}

#[tokio::test]
async fn an_installation_of_the_version_before_stays_our_own_and_nobody_loses_anything() {
    let shop = Shop::open().await;
    shop.migrate(&["--revoke-public"]).await;
    // as it was: no mode, and PUBLIC could take advisory locks
    shop.execute(
        "alter table tenantry.installation drop column mode;
         delete from tenantry._migrations where version = 9;
         grant execute on function pg_advisory_lock(bigint) to public;
         create role clerk login; grant connect on database shop to clerk",
    )
    .await;

    let up = shop.migrate(&[]).await;

    assert!(up.out.contains("mode own"), "{}", up.out);
    let granted = "granted by name to clerk: EXECUTE on the functions of advisory locks";
    assert!(up.out.contains(granted), "{}", up.out);
    let lock = "select pg_advisory_lock(7)";
    assert_eq!(shop.allowed("clerk", &[lock]).await, [lock]);
    shop.execute("create role late login; grant connect on database shop to late").await;
    assert_eq!(shop.allowed("late", &[lock]).await, [""; 0]);
}
