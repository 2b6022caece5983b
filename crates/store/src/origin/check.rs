//! Tells the original from a copy.

use domain::{InstallationId, RoleName};
use sqlx::PgConnection;

use super::Database;
use crate::{decode::unreadable, is_state};

/// Why this database may not be worked on.
#[derive(Debug, thiserror::Error)]
pub enum OriginError {
    /// It is not the database that the installation remembers.
    #[error(
        "installation {installation} lives in database {remembered}, and DATABASE_URL leads to \
         {here}, a copy. If the copy replaces the original, run `tenantry restore adopt --moved`. \
         If the original stays in use, run `tenantry restore adopt --copy`"
    )]
    Copied {
        /// Who the row says we are.
        installation: InstallationId,
        /// Where the original is, or was.
        remembered: Database,
        here: Database,
    },
    /// The original is on the same server, so its roles are in use.
    #[error(
        "database `{original}` of this server is in use by installation {installation} too: run \
         `tenantry restore adopt --copy` to make this database an installation of its own, or \
         drop database `{original}` first"
    )]
    OriginalIsHere {
        /// Who both say they are.
        installation: InstallationId,
        original: String,
    },
    /// The adoption of a copy came to a halt.
    #[error(
        "this database is a copy, and its adoption is not complete: run \
         `tenantry restore adopt --copy` again"
    )]
    HalfAdopted,
    #[error("could not find out whether this database is a copy")]
    Database(#[from] sqlx::Error),
}

impl OriginError {
    /// The database's part in it: the check may be made again. A copy stays one.
    #[must_use]
    pub fn database(&self) -> Option<&sqlx::Error> {
        match self {
            Self::Database(error) => Some(error),
            _ => None,
        }
    }

    /// Whether the database has no installation in it, or one of an older version.
    #[must_use]
    pub fn is_not_migrated(&self) -> bool {
        self.database().is_some_and(|error| is_state(error, &["42P01", "42703", "3F000"]))
    }
}

/// What the installation's row says.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) installation: InstallationId,
    pub(super) remembered: Option<Database>,
    pub(super) adopted_from: Option<InstallationId>,
}

/// Checks that this is the database the installation remembers. A first look remembers it, and so
/// does one after a rename. Not within a transaction.
///
/// # Errors
/// [`OriginError`] when it is a copy, and when the database fails or is not migrated.
pub async fn check(conn: &mut PgConnection) -> Result<(), OriginError> {
    let memory = recall(conn).await?;
    if memory.adopted_from.is_some() {
        return Err(OriginError::HalfAdopted);
    }
    let here = Database::here(conn).await?;
    match memory.remembered {
        Some(remembered) if !remembered.is(&here) => {
            Err(OriginError::Copied { installation: memory.installation, remembered, here })
        }
        // nothing new to remember
        Some(remembered) if remembered.name == here.name && remembered.system >= here.system => {
            Ok(())
        }
        Some(_) => Ok(remember(conn, &here).await?),
        None => {
            refuse_if_here(conn, &memory, &here).await?;
            Ok(remember(conn, &here).await?)
        }
    }
}

pub(super) async fn recall(conn: &mut PgConnection) -> sqlx::Result<Memory> {
    let row = sqlx::query!(
        "select id, database_oid, database_name, system_identifier, adopted_from
         from tenantry.installation",
    )
    .fetch_one(conn)
    .await?;
    let id = |text: &str| InstallationId::parse(text).map_err(unreadable);
    let system = row.system_identifier;
    Ok(Memory {
        installation: id(&row.id)?,
        remembered: row.database_oid.zip(row.database_name).map(|(oid, name)| Database {
            oid,
            name,
            system,
        }),
        adopted_from: row.adopted_from.as_deref().map(id).transpose()?,
    })
}

/// Refuses when another database of this server is this installation's: the one it remembers, or one
/// that its tenants may connect to.
pub(super) async fn refuse_if_here(
    conn: &mut PgConnection,
    memory: &Memory,
    here: &Database,
) -> Result<(), OriginError> {
    // an oid means something on its own server only
    let remembered = memory.remembered.as_ref();
    let beside = remembered.filter(|it| it.system.is_some() && it.system == here.system);
    let group = RoleName::group(&memory.installation);
    let original = sqlx::query_scalar!(
        r#"select d.datname::text as "name!"
           from pg_catalog.pg_database d
           where d.datname <> current_database()
             and (d.oid::bigint = $1
                  or exists (select from aclexplode(d.datacl) a
                             where a.grantee = to_regrole(quote_ident($2))::oid))
           limit 1"#,
        beside.map(|database| database.oid),
        group.as_str(),
    )
    .fetch_optional(conn)
    .await?;
    match original {
        Some(original) => {
            Err(OriginError::OriginalIsHere { installation: memory.installation.clone(), original })
        }
        None => Ok(()),
    }
}

pub(super) async fn remember(conn: &mut PgConnection, here: &Database) -> sqlx::Result<()> {
    sqlx::query!(
        "update tenantry.installation
         set database_oid = $1, database_name = $2, system_identifier = coalesce($3, system_identifier)",
        here.oid,
        here.name,
        here.system,
    )
    .execute(conn)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use harness::Db;

    use super::*;

    async fn run(db: &Db, sql: &'static str) {
        sqlx::raw_sql(sql).execute(&db.pool).await.unwrap();
    }

    async fn looked(db: &Db) -> Result<(), OriginError> {
        check(&mut db.pool.acquire().await.unwrap()).await
    }

    #[tokio::test]
    async fn the_first_look_remembers_and_a_renamed_database_is_no_copy() {
        let db = harness::fresh_db().await;

        looked(&db).await.unwrap();
        run(&db, "update tenantry.installation set database_name = 'before'").await;
        looked(&db).await.unwrap();

        let memory = recall(&mut db.pool.acquire().await.unwrap()).await.unwrap();
        let here = Database::here(&mut db.pool.acquire().await.unwrap()).await.unwrap();
        assert!(here.system.is_some());
        assert_eq!(memory.remembered, Some(here));
    }

    #[tokio::test]
    async fn another_oid_or_another_server_is_refused() {
        let db = harness::fresh_db().await;
        looked(&db).await.unwrap();

        for change in [
            "update tenantry.installation set database_oid = database_oid + 1",
            "update tenantry.installation set system_identifier = system_identifier - 1",
        ] {
            run(&db, change).await;
            let refused = looked(&db).await.unwrap_err();
            assert!(matches!(refused, OriginError::Copied { .. }), "{change}: {refused:?}");
        }
    }

    #[tokio::test]
    async fn a_copy_that_was_made_before_anything_was_remembered_is_noticed_on_the_same_server() {
        let db = harness::fresh_db().await;
        let copy = harness::copy_of(&db).await;

        let refused = looked(&copy).await.unwrap_err();

        assert!(matches!(refused, OriginError::OriginalIsHere { .. }), "{refused:?}");
    }

    #[tokio::test]
    async fn a_server_that_keeps_its_number_to_itself_is_told_by_oid_and_name() {
        let db = harness::fresh_db().await;
        run(
            &db,
            "do $$ declare owner text := format('tn_%s_owner', (select id from tenantry.installation));
             begin
                 execute format('create role %I', owner);
                 execute format('grant usage on schema tenantry to %I', owner);
                 execute format('grant select, update on tenantry.installation to %I', owner);
                 revoke execute on function pg_control_system() from public;
             end $$",
        )
        .await;
        let mut conn = db.pool.acquire().await.unwrap();
        let owner = "select set_config('role', format('tn_%s_owner', id), false)
            from tenantry.installation";
        sqlx::raw_sql(owner).execute(&mut *conn).await.unwrap();

        check(&mut conn).await.unwrap();
        let remembered = recall(&mut conn).await.unwrap().remembered.unwrap();
        check(&mut conn).await.unwrap();
        run(&db, "update tenantry.installation set database_name = 'before'").await;
        let renamed = check(&mut conn).await.unwrap_err();

        assert_eq!(remembered.system, None);
        assert!(matches!(renamed, OriginError::Copied { .. }), "{renamed:?}");
    }
}
