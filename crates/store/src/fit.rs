//! Whether the control schema has the version that this program was built for.

use domain::Version;
use sqlx::PgConnection;

use crate::{MIGRATOR, is_state, tenants::Place};

/// How the control schema and this program fit together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// They have the same version, and the queue is there.
    Fits,
    /// The schema is older, or a part of it is missing.
    Older,
    /// A newer release has migrated the schema.
    Newer {
        schema: i64,
        /// The newest version that this program knows.
        known: i64,
    },
}

/// What is applied, whether the queue is there, the master key, and the place of new tenants.
type Asked = (Vec<i64>, bool, Option<String>, Option<String>, Option<String>);

/// What a worker has to go along with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub fit: Fit,
    /// The fingerprint of the installation's master key.
    pub master_key: Option<String>,
    /// What new tenants are given ([`crate::births`]).
    pub birth: Option<Place>,
}

/// How the control schema fits this program. One statement, whose cost depends on the number of
/// migrations alone.
pub async fn fit(conn: &mut PgConnection) -> sqlx::Result<Fit> {
    Ok(standing(conn).await?.fit)
}

/// As [`fit`], with all else that a worker follows, in one message.
pub async fn standing(conn: &mut PgConnection) -> sqlx::Result<Standing> {
    // Not a checked query: the migrator's and the queue's tables stand in no migration of ours.
    let asked: sqlx::Result<Asked> = sqlx::query_as(
        "select array(select version from tenantry._migrations where success),
                to_regclass('apalis.jobs_inflight') is not null,
                (select id from tenantry.master_keys where retired_at is null),
                b.set_hash, b.version
         from (values (true)) as one (row)
         left join (select set_hash, version from tenantry.birth_versions
                    where in_force_since is not null
                    order by in_force_since desc, id desc limit 1) b on one.row",
    )
    .fetch_one(conn)
    .await;
    match asked {
        Ok((applied, queue, master_key, set, version)) => {
            let birth = set.map(|set_hash| Place { set_hash, version: version.map(Version::new) });
            Ok(Standing { fit: of(&applied, queue), master_key, birth })
        }
        // Undefined table, undefined schema.
        Err(error) if is_state(&error, &["42P01", "3F000"]) => {
            Ok(Standing { fit: Fit::Older, master_key: None, birth: None })
        }
        Err(error) => Err(error),
    }
}

/// Whether a transaction that writes can begin: not on a standby, nor while the server's table of locks
/// is full.
///
/// # Errors
/// Why it cannot.
pub async fn takes_transactions(conn: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query("select pg_current_xact_id()").execute(conn).await.map(drop)
}

/// How a schema with these migrations fits, with the queue's schema or without it.
fn of(applied: &[i64], queue: bool) -> Fit {
    let known = MIGRATOR.iter().map(|migration| migration.version);
    if !queue || known.clone().any(|version| !applied.contains(&version)) {
        return Fit::Older;
    }
    let known = known.max().unwrap_or_default();
    let schema = applied.iter().copied().max().unwrap_or_default();
    if schema > known { Fit::Newer { schema, known } } else { Fit::Fits }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn fit_after(sql: &'static str) -> Fit {
        let db = harness::fresh_db().await;
        let mut conn = db.pool.acquire().await.unwrap();
        sqlx::raw_sql(sql).execute(&mut *conn).await.unwrap();
        fit(&mut conn).await.unwrap()
    }

    #[tokio::test]
    async fn a_schema_of_this_version_fits() {
        assert_eq!(fit_after("select 1").await, Fit::Fits);
    }

    #[tokio::test]
    async fn a_schema_that_lacks_a_migration_the_queue_or_everything_is_older() {
        for lost in [
            "delete from tenantry._migrations
             where version = (select max(version) from tenantry._migrations)",
            "drop schema apalis cascade",
            "drop schema tenantry cascade",
        ] {
            assert_eq!(fit_after(lost).await, Fit::Older, "{lost}");
        }
    }

    #[tokio::test]
    async fn a_schema_of_a_later_release_is_newer() {
        let newer = fit_after(
            "insert into tenantry._migrations
             select 9999, description, installed_on, success, checksum, execution_time
             from tenantry._migrations limit 1",
        )
        .await;

        assert!(matches!(newer, Fit::Newer { schema: 9999, .. }));
    }
}
