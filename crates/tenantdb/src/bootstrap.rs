//! What is done once per database: the group that tenants connect through, and what every role
//! could do before.
//!
//! Grants on shared objects collide when several writers make them ("tuple concurrently
//! updated"), so all of them are made here, under one lock, and a tenant only joins the group.

use domain::{DatabaseMode, InstallationId, RoleName};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::ident::{dollar_tag, literal};
use crate::public_rights::Loss;

const BLOCK: &str = include_str!("queries/bootstrap.sql");

/// Makes a database that nobody else uses fit for tenants: [`bootstrap_as`] in the own mode, which
/// gives nobody by name what PUBLIC loses.
///
/// # Errors
/// As [`bootstrap_as`].
pub async fn bootstrap(
    conn: &mut PgConnection,
    installation: &InstallationId,
) -> Result<(), BootstrapError> {
    bootstrap_as(conn, installation, DatabaseMode::Own, &[]).await
}

/// Makes the database fit for tenants: the group role `tn_<installation>_tenants` may connect. In the
/// own mode PUBLIC may no longer connect, make temporary tables, use `public` or call new functions,
/// nor, if the connected user is a superuser, take advisory locks or make large objects; the roles of
/// `losses` get by name what they lose by it. In the shared mode PUBLIC keeps all.
///
/// May run again and in several processes at once: one works, the others wait and find it done. For
/// the own mode the connected role has to own the database and `public`, or be a superuser.
///
/// # Errors
/// [`BootstrapError`] when the group's name is a stranger's, or PUBLIC's rights are not ours.
pub async fn bootstrap_as(
    conn: &mut PgConnection,
    installation: &InstallationId,
    mode: DatabaseMode,
    losses: &[Loss],
) -> Result<(), BootstrapError> {
    run(conn, installation, mode, losses).await.map_err(|source| {
        match source.as_database_error().and_then(|e| e.code()).as_deref() {
            Some("TN010") => BootstrapError::GroupTaken,
            Some("TN011") => BootstrapError::NotOwner,
            _ => BootstrapError::Database { source },
        }
    })
}

async fn run(
    conn: &mut PgConnection,
    installation: &InstallationId,
    mode: DatabaseMode,
    losses: &[Loss],
) -> sqlx::Result<()> {
    let group = RoleName::group(installation);
    let mark = format!("tenantry:{}:tenants", installation.as_str());
    let own = mode == DatabaseMode::Own;
    let grants = losses.iter().filter(|_| own).map(|loss| format!("{};", loss.grant));
    let grants: String = grants.collect();
    let block = BLOCK
        .replace("{group}", &literal(group.as_str()))
        .replace("{mark}", &literal(&mark))
        .replace("{own}", if own { "true" } else { "false" })
        .replace("{tag}", &dollar_tag([grants.as_str()]))
        .replace("{grants}", &grants);
    let mut tx = conn.begin().await?;
    sqlx::raw_sql(
        "set local lock_timeout = '10s';
         select from tenantry.leases where name = 'bootstrap' for update",
    )
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
        #[source]
        source: sqlx::Error,
    },
}
