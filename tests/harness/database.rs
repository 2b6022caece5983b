//! A database for each test, ready in milliseconds: `let db = harness::fresh_db().await;`
//!
//! Nothing has to be started first. All test processes share one throw-away
//! cluster (see [`localpg::testing`]); each test gets a copy of a template that
//! has the queue's and the control schema. Roles belong to the whole cluster, so
//! each copy is an installation of its own: two tests may both have a tenant 1.
//!
//! Dropping a [`Db`] drops the database, whoever is still connected, and its roles.

use std::error::Error;
use std::fmt::Write;

use localpg::testing::{Database, database, empty_database};
use localpg::{Cluster, Options};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tempfile::TempDir;

/// What the template is made of: a change in any of it makes a new one. The
/// manifest pins apalis, whose migrations are part of it.
const INGREDIENTS: [&str; 2] =
    [include_str!("../../Cargo.toml"), include_str!("../../crates/queue/src/setup.rs")];

/// Connections of one test: 300 are there for all.
const CONNECTIONS: u32 = 10;

/// A database that nobody else uses.
#[derive(Debug)]
pub struct Db {
    /// Connections to it, as superuser.
    pub pool: PgPool,
    /// Where it is, for programs and further pools.
    pub url: String,
    /// `None` once dropped, and for a database of another cluster.
    database: Option<Database>,
    /// The cluster of a database that is alone, and then its folder.
    alone: Option<(Cluster, TempDir)>,
}

/// A database as `tenantry migrate` leaves it: queue, control schema, bootstrap.
///
/// # Panics
/// If there is no PostgreSQL, or a migration fails; the message says why.
pub async fn fresh_db() -> Db {
    let db = open(|| database(&template_key(), build_template)).await;
    if let Err(error) = settle_in(&db.pool).await {
        give_up("prepare the test's database", &*error);
    }
    db
}

/// As [`fresh_db`], on a server of its own, for what others' changes would disturb: sessions that
/// miss too many of those forget their caches, and read whole catalogues to fill them again.
///
/// # Panics
/// If there is no PostgreSQL, it does not start, or a migration fails.
pub async fn fresh_db_alone() -> Db {
    let dir = tempfile::Builder::new().prefix("tenantry-alone.").tempdir();
    let dir = dir.unwrap_or_else(|error| give_up("make the server's folder", &error));
    let options = Options { durable: false, ..Options::new(dir.path().join("pg")) };
    let start = move || {
        let cluster = Cluster::start(options)?;
        cluster.ensure_database("alone")?;
        let url = cluster.url("alone");
        build_template(&url)?;
        Ok::<_, Box<dyn Error + Send + Sync>>((cluster, url))
    };
    let started = tokio::task::spawn_blocking(start).await.expect("starting does not panic");
    let (cluster, url) = started.unwrap_or_else(|error| give_up("start the server", &*error));
    let mut db = Db::at(&url);
    db.alone = Some((cluster, dir));
    if let Err(error) = settle_in(&db.pool).await {
        give_up("prepare the test's database", &*error);
    }
    db
}

/// A database with nothing in it.
///
/// # Panics
/// If there is no PostgreSQL; the message says why.
pub async fn empty_db() -> Db {
    open(empty_database).await
}

/// A copy of `db`, as an administrator makes one: the same installation, in another database.
///
/// # Panics
/// If somebody else is connected to `db`.
pub async fn copy_of(db: &Db) -> Db {
    let original = db.database.as_ref().expect("it is there until it is dropped");
    let copied = original.copy();
    opened(copied.unwrap_or_else(|error| give_up("copy the test's database", &error)))
}

impl Db {
    /// A database of a cluster of the caller's own, which ends with that.
    ///
    /// # Panics
    /// If `url` is not a PostgreSQL URL.
    #[must_use]
    pub fn at(url: &str) -> Self {
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).connect_lazy(url);
        let pool = pool.unwrap_or_else(|error| give_up("understand the database's url", &error));
        Self { pool, url: url.to_owned(), database: None, alone: None }
    }
}

async fn open(create: impl FnOnce() -> Result<Database, localpg::Error> + Send + 'static) -> Db {
    let created = tokio::task::spawn_blocking(create).await.expect("creating does not panic");
    opened(created.unwrap_or_else(|error| give_up("create the test's database", &error)))
}

fn opened(database: Database) -> Db {
    let url = database.url();
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS).connect_lazy(&url);
    let pool = pool.unwrap_or_else(|error| give_up("understand the test database's url", &error));
    Db { pool, url, database: Some(database), alone: None }
}

/// A copy takes the template's installation along, and no grants on the database.
async fn settle_in(pool: &PgPool) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut conn = pool.acquire().await?;
    let rename = "update tenantry.installation set id = substr(md5(gen_random_uuid()::text), 1, 8)";
    sqlx::query(rename).execute(&mut *conn).await?;
    let installation = store::installation(&mut conn).await?;
    tenantdb::bootstrap(&mut conn, &installation).await?;
    Ok(())
}

fn template_key() -> String {
    let mut key = INGREDIENTS.join("\n");
    for migration in store::MIGRATOR.iter() {
        writeln!(key, "{} {:?}", migration.version, migration.checksum)
            .expect("a string takes any text");
    }
    key
}

/// On a runtime of its own: the caller's belongs to one test.
fn build_template(url: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let pool = PgPoolOptions::new().max_connections(2).connect(url).await?;
        queue::setup(&pool).await?;
        store::migrate(&pool).await?;
        pool.close().await;
        Ok(())
    })
}

impl Drop for Db {
    fn drop(&mut self) {
        let Some(database) = self.database.take() else { return };
        let (cluster, name) = (database.cluster(), database.name().to_owned());
        // An empty one may have none; what it has then it does not have roles of.
        let installation = cluster.execute(&name, "select id from tenantry.installation");
        drop(database);
        for id in installation.unwrap_or_default() {
            if let Err(error) = cluster.execute("postgres", &drop_roles(&id)) {
                eprintln!("left the roles of test installation {id}: {error}");
            }
        }
    }
}

/// Possible only once the database is gone, with all that they have rights on. In the order of
/// names: tenants' roles go before those that made them and the group they are in.
fn drop_roles(installation: &str) -> String {
    format!(
        "do $$ declare name text; begin
            for name in select rolname from pg_roles
                where starts_with(rolname, 'tn_{installation}_') order by rolname
            loop
                execute format('drop role %I', name);
            end loop;
        end $$"
    )
}

/// Says all of why: an error's own words leave out its cause.
fn give_up(act: &str, error: &(dyn Error + 'static)) -> ! {
    let mut words = format!("could not {act}: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        words.push_str(&format!(": {error}"));
        cause = error.source();
    }
    panic!("{words}")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn count(pool: &PgPool, sql: &'static str) -> i64 {
        sqlx::query_scalar::<_, i64>(sql).fetch_one(pool).await.unwrap()
    }

    async fn installation(db: &Db) -> String {
        let id = sqlx::query_scalar::<_, String>("select id from tenantry.installation");
        id.fetch_one(&db.pool).await.unwrap()
    }

    #[tokio::test]
    async fn two_databases_share_neither_rows_nor_roles() {
        let (a, b) = tokio::join!(fresh_db(), fresh_db());

        sqlx::query("create table public.note as select 1").execute(&a.pool).await.unwrap();

        let there = "select count(*) from pg_class where relname = 'note'";
        assert_eq!((count(&a.pool, there).await, count(&b.pool, there).await), (1, 0));
        assert_ne!(installation(&a).await, installation(&b).await);
    }

    #[tokio::test]
    async fn a_fresh_database_has_the_queue_the_control_schema_and_the_group() {
        let db = fresh_db().await;

        assert!(queue::is_set_up(&db.pool).await.unwrap());
        assert!(
            store::public_migrations(&db.pool)
                .await
                .unwrap()
                .iter()
                .all(|it| it.applied_at.is_some())
        );
        let group = format!("tn_{}_tenants", installation(&db).await);
        let found =
            sqlx::query_scalar::<_, i64>("select count(*) from pg_roles where rolname = $1");
        assert_eq!(found.bind(group).fetch_one(&db.pool).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn an_empty_database_is_empty() {
        let db = empty_db().await;

        let own = "select count(*) from pg_namespace where nspname in ('tenantry', 'apalis')";
        assert_eq!(count(&db.pool, own).await, 0);
    }

    #[tokio::test]
    async fn dropping_takes_the_database_and_its_roles_along() {
        let (db, witness) = (fresh_db().await, empty_db().await);
        let name = db.database.as_ref().unwrap().name().to_owned();
        let roles = format!("tn_{}_", installation(&db).await);

        drop(db);

        let left = "select (select count(*) from pg_database where datname = $1)
            + (select count(*) from pg_roles where starts_with(rolname, $2))";
        let left = sqlx::query_scalar::<_, i64>(left).bind(name).bind(roles);
        assert_eq!(left.fetch_one(&witness.pool).await.unwrap(), 0);
    }
}
