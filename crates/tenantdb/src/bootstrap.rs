//! What is done once per database: the group that tenants connect through, and what every role
//! could do before.
//!
//! Grants on shared objects collide when several writers make them ("tuple concurrently
//! updated"), so all of them are made here, under one lock, and a tenant only joins the group.

use domain::{InstallationId, RoleName};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::ident::literal;
use crate::lock::BOOTSTRAP_CLASS;

const BLOCK: &str = include_str!("queries/bootstrap.sql");

/// Makes the database fit for tenants: the group role `tn_<installation>_tenants` may connect,
/// and PUBLIC may no longer connect, make temporary tables, use `public` or call new functions.
///
/// May run at every start and in several processes at once: one works, the others wait and find
/// it done. The connected role has to own the database, or be a superuser.
///
/// # Errors
/// [`BootstrapError`] when the group's name is a stranger's, or PUBLIC's rights are not ours.
pub async fn bootstrap(
    conn: &mut PgConnection,
    installation: &InstallationId,
) -> Result<(), BootstrapError> {
    run(conn, installation).await.map_err(|source| {
        match source.as_database_error().and_then(|e| e.code()).as_deref() {
            Some("TN010") => BootstrapError::GroupTaken,
            Some("TN011") => BootstrapError::NotOwner,
            _ => BootstrapError::Database { source },
        }
    })
}

async fn run(conn: &mut PgConnection, installation: &InstallationId) -> sqlx::Result<()> {
    let group = RoleName::group(installation);
    let mark = format!("tenantry:{}:tenants", installation.as_str());
    let block = BLOCK
        .replace("{group}", &literal(group.as_str()))
        .replace("{mark}", &literal(&mark))
        .replace("{tag}", "$tenantry$");
    let mut tx = conn.begin().await?;
    sqlx::query("select pg_advisory_xact_lock($1, 0)")
        .bind(BOOTSTRAP_CLASS)
        .execute(&mut *tx)
        .await?;
    sqlx::raw_sql(AssertSqlSafe(block)).execute(&mut *tx).await?;
    tx.commit().await
}

/// Why a database could not be made fit for tenants.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// A role of the group's name exists and this installation did not make it.
    #[error("the role that tenants connect through exists already and is not this installation's")]
    GroupTaken,
    /// What PUBLIC may do stays as it is, since the connected role does not own the database.
    #[error(
        "PUBLIC still has rights on this database: connect as the database's owner, or let \
         the owner run `revoke all on database … from public` and \
         `revoke all on schema public from public`"
    )]
    NotOwner,
    /// The database refused a statement.
    #[error("could not prepare the database for tenants")]
    Database {
        /// What the database said.
        #[source]
        source: sqlx::Error,
    },
}
