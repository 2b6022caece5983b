//! Migrations of the shared schema `tenantry`: one half of the dual migration system.

use std::{borrow::Cow, collections::HashMap};

use chrono::{DateTime, Utc};
use sqlx::{
    Acquire as _, PgConnection, PgPool,
    migrate::{MigrateError, Migrator},
};

/// The migrations of `migrations/public`, recorded in `tenantry._migrations`.
pub static MIGRATOR: Migrator = Migrator {
    migrations: EMBEDDED.migrations,
    table_name: Cow::Borrowed("tenantry._migrations"),
    create_schemas: Cow::Borrowed(&[Cow::Borrowed("tenantry")]),
    // Its lock is an advisory one, which any role may hold: `alone` takes another.
    locking: false,
    ..Migrator::DEFAULT
};

const EMBEDDED: Migrator = sqlx::migrate!("../../migrations/public");

/// One migration of the shared schema and whether this database has it.
#[derive(Debug, Clone)]
pub struct PublicMigration {
    /// Its number, from the file's name.
    pub version: i64,
    /// What it does, from the file's name.
    pub description: String,
    pub applied_at: Option<DateTime<Utc>>,
    /// Whether the file differs from what was applied.
    pub edited: bool,
}

/// The texts that make the shared schema, in their order.
pub fn migration_scripts() -> impl Iterator<Item = &'static str> {
    MIGRATOR
        .migrations
        .iter()
        .filter(|migration| migration.migration_type.is_up_migration())
        .map(|migration| migration.sql.as_str())
}

/// Tries at most, where each is ended by PostgreSQL as a deadlock with a worker's transaction.
const TRIES: u32 = 20;

const DEADLOCK: &str = "40P01";

/// Brings the shared schema to the newest version, all of it or nothing; safe when several processes
/// do it at once, and beside workers at work.
///
/// # Errors
/// When a migration fails, or one that was applied has been edited since; 55P03 when another session
/// holds a lock that is needed for 10 seconds, 40P01 when each of 20 tries ended in a deadlock.
pub async fn migrate(pool: &PgPool) -> Result<(), MigrateError> {
    patiently(|| run_all(pool)).await
}

async fn patiently<T, F>(act: impl Fn() -> F) -> Result<T, MigrateError>
where
    F: Future<Output = Result<T, MigrateError>>,
{
    for _ in 1..TRIES {
        match act().await {
            Err(error) if is_deadlock(&error) => {}
            done => return done,
        }
    }
    act().await
}

fn is_deadlock(error: &MigrateError) -> bool {
    let (MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) = error else {
        return false;
    };
    crate::is_state(error, &[DEADLOCK])
}

async fn run_all(pool: &PgPool) -> Result<(), MigrateError> {
    let mut conn = pool.acquire().await?;
    let mut tx = conn.begin().await?;
    alone(&mut tx).await?;
    MIGRATOR.run(&mut *tx).await?;
    Ok(tx.commit().await?)
}

/// Waits until no other process migrates. The lock is on the table that records migrations, which
/// tenants have no right to; before there is one, there are no tenants either.
async fn alone(conn: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::raw_sql(
        "set local lock_timeout = '10s';
         do $$ begin
             if to_regclass('tenantry._migrations') is null then
                 perform pg_advisory_xact_lock(hashtextextended('tenantry', 0));
             else
                 lock table tenantry._migrations in share row exclusive mode;
             end if;
         end $$",
    )
    .execute(conn)
    .await
    .map(drop)
}

/// Every migration of the shared schema, oldest first, with its state in this database.
pub async fn public_migrations(pool: &PgPool) -> Result<Vec<PublicMigration>, sqlx::Error> {
    let applied = applied(&mut *pool.acquire().await?).await?;
    Ok(MIGRATOR
        .iter()
        .filter(|m| !m.migration_type.is_down_migration())
        .map(|m| {
            let row = applied.get(&m.version);
            PublicMigration {
                version: m.version,
                description: m.description.to_string(),
                applied_at: row.map(|(at, _)| *at),
                edited: row.is_some_and(|(_, checksum)| checksum.as_slice() != &*m.checksum),
            }
        })
        .collect())
}

/// Takes back the newest applied migration and says which it was, if there was one. The audit log has it
/// from `actor`, but for the first one, which takes the log with it.
///
/// # Errors
/// When the down script fails or is not there; 55P03 and 40P01 as [`migrate`].
pub async fn revert_last(pool: &PgPool, actor: &str) -> Result<Option<i64>, MigrateError> {
    patiently(|| revert(pool, actor)).await
}

async fn revert(pool: &PgPool, actor: &str) -> Result<Option<i64>, MigrateError> {
    let mut conn = pool.acquire().await?;
    let mut tx = conn.begin().await?;
    alone(&mut tx).await?;
    let mut versions: Vec<i64> = applied(&mut tx).await?.into_keys().collect();
    versions.sort_unstable();
    let Some(last) = versions.pop() else { return Ok(None) };
    let before = versions.pop().unwrap_or(0);
    MIGRATOR.undo(&mut *tx, before).await?;
    if before > 0 {
        // Columns that every version has; the log's others are this one's.
        sqlx::query(
            "insert into tenantry.audit_log (actor, action, detail)
             values ($1, 'schema.reverted', jsonb_build_object('version', $2::bigint))",
        )
        .bind(actor)
        .bind(last)
        .execute(&mut *tx)
        .await?;
    }
    tx.commit().await?;
    Ok(Some(last))
}

/// Whether a migration of the shared schema was ever applied to this database.
pub async fn has_migrations(conn: &mut PgConnection) -> sqlx::Result<bool> {
    let there = sqlx::query_scalar!("select to_regclass('tenantry._migrations') is not null");
    Ok(there.fetch_one(conn).await? == Some(true))
}

async fn applied(
    conn: &mut PgConnection,
) -> Result<HashMap<i64, (DateTime<Utc>, Vec<u8>)>, sqlx::Error> {
    if !has_migrations(conn).await? {
        return Ok(HashMap::new());
    }
    // Not a checked query: the table is the migrator's own and stands in no migration.
    let rows: Vec<(i64, DateTime<Utc>, Vec<u8>)> = sqlx::query_as(
        "select version, installed_on, checksum from tenantry._migrations where success",
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|(v, at, sum)| (v, (at, sum))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn goes_up_down_and_up_again() {
        let db = harness::empty_db().await;

        migrate(&db.pool).await.unwrap();
        let up = public_migrations(&db.pool).await.unwrap();
        let reverted = revert_last(&db.pool, "test").await.unwrap();
        let down = public_migrations(&db.pool).await.unwrap();
        migrate(&db.pool).await.unwrap();

        assert!(up.iter().all(|m| m.applied_at.is_some() && !m.edited));
        assert_eq!(reverted, up.last().map(|m| m.version));
        assert!(down.last().unwrap().applied_at.is_none());
    }

    #[tokio::test]
    async fn what_came_to_nothing_is_told_from_what_was_deleted() {
        let db = harness::fresh_db().await;
        let states =
            "select state || ' ' || (deleted_at is not null) from tenantry.tenants order by id";
        MIGRATOR.undo(&db.pool, 11).await.unwrap();
        sqlx::query(
            "insert into tenantry.tenants (name, domain, schema_name, role_name, state, activated_at,
                                           deleted_at)
             values ('a', 'a.example', 'a', 'r1', 'deleted', now(), now()),
                    ('a', 'a.example', 'a', 'r2', 'deleted', null, now()),
                    ('a', 'a.example', 'a', 'r3', 'active', now(), null)",
        )
        .execute(&db.pool)
        .await
        .unwrap();

        migrate(&db.pool).await.unwrap();
        let up: Vec<String> = sqlx::query_scalar(states).fetch_all(&db.pool).await.unwrap();
        MIGRATOR.undo(&db.pool, 11).await.unwrap();
        let down: Vec<String> = sqlx::query_scalar(states).fetch_all(&db.pool).await.unwrap();

        assert_eq!(up, ["deleted true", "released false", "active false"]);
        assert_eq!(down, ["deleted true", "deleted true", "active false"]);
    }

    #[tokio::test]
    async fn what_a_set_was_learnt_to_make_stays_known_without_the_version_table() {
        let db = harness::fresh_db().await;
        MIGRATOR.undo(&db.pool, 15).await.unwrap();
        sqlx::query(
            r#"insert into tenantry.promises (set_hash, server_major, survey_format, shape) values
               ('x', 15, 1, '{"table tenantry_migrations": "r", "table person": "r",
                   "column tenantry_migrations.version": "20/-1",
                   "index tenantry_migrations.tenantry_migrations_pkey": "i",
                   "column person.tenantry_migrations": "c", "table tenantry_migrations_2": "r"}')"#,
        )
        .execute(&db.pool)
        .await
        .unwrap();

        migrate(&db.pool).await.unwrap();

        let left = "select jsonb_object_keys(shape) from tenantry.promises order by 1";
        let left: Vec<String> = sqlx::query_scalar(left).fetch_all(&db.pool).await.unwrap();
        let kept =
            ["column person.tenantry_migrations", "table person", "table tenantry_migrations_2"];
        assert_eq!(left, kept);
    }
}
