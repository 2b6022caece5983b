//! What the application's own schema has of the shared migrations, and who needs it.

use std::time::Duration;

use domain::Version;
use sqlx::{PgConnection, PgPool, Postgres, Transaction};

use crate::is_state;

/// Between two looks whether another process is done.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Waits until no other process applies shared migrations, and keeps others waiting until the transaction ends
/// that this begins. It may be silent meanwhile; writing the record in another one does not wait. No tenant has
/// a right to the lock, which is on the table.
///
/// A session that waits in the server may hold a snapshot, which `create index concurrently` of the other
/// process would wait for: so it waits here.
pub async fn alone(pool: &PgPool) -> sqlx::Result<Transaction<'static, Postgres>> {
    loop {
        let mut tx = pool.begin().await?;
        let locked = sqlx::raw_sql(
            "set local idle_in_transaction_session_timeout = 0;
             lock table tenantry.shared_migrations in share update exclusive mode nowait",
        );
        match locked.execute(&mut *tx).await {
            Ok(_) => return Ok(tx),
            Err(error) if is_state(&error, &["55P03"]) => tx.rollback().await?,
            Err(error) => return Err(error),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The schema in which shared migrations were applied; `None`: none ever were.
pub async fn schema(conn: &mut PgConnection) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!("select schema_name from tenantry.shared_migrations")
        .fetch_optional(conn)
        .await
}

/// The shared migrations that files of the set with this hash need and that are not applied, in the order of
/// these files.
pub async fn lacking(conn: &mut PgConnection, set_hash: &str) -> sqlx::Result<Vec<Version>> {
    let found = sqlx::query!(
        r#"select s.needs_shared as "needs!: Vec<Option<String>>",
               coalesce((select d.versions[:array_position(d.versions, m.version)]
                         from tenantry.shared_migrations m
                         join tenantry.migration_sets d on d.hash = m.set_hash), '{}') as "has!"
           from tenantry.migration_sets s where s.hash = $1"#,
        set_hash,
    )
    .fetch_optional(conn)
    .await?;
    let Some(found) = found else { return Ok(Vec::new()) };
    let has: Vec<Version> = found.has.into_iter().map(Version::new).collect();
    let mut lacking: Vec<Version> = Vec::new();
    for version in found.needs.into_iter().flatten().map(Version::new) {
        if !has.contains(&version) && !lacking.contains(&version) {
            lacking.push(version);
        }
    }
    Ok(lacking)
}

/// The shared migrations that tenants need by what is applied to them, or new tenants by the sets of workers
/// that were heard of within `dead_after`. Reads what each tenant has.
pub async fn needed(conn: &mut PgConnection, dead_after: Duration) -> sqlx::Result<Vec<Version>> {
    let needed = sqlx::query_scalar!(
        r#"select distinct n as "version!"
           from (select s.needs_shared[:array_position(s.versions, m.version)] as needs
                 from (select distinct set_hash, version from tenantry.tenant_migrations) m
                 join tenantry.migration_sets s on s.hash = m.set_hash
                 union all
                 select s.needs_shared
                 from tenantry.workers w join tenantry.migration_sets s on s.hash = w.set_hash
                 where w.stopped_at is null and w.refused is null
                     and w.seen_at > clock_timestamp() - make_interval(secs => $1)) of,
               unnest(of.needs) n
           where n is not null"#,
        dead_after.as_secs_f64(),
    )
    .fetch_all(conn)
    .await?;
    Ok(needed.into_iter().map(Version::new).collect())
}
