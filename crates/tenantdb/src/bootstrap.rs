//! What is done once per database: the group that tenants connect through, and what every role
//! could do before.
//!
//! Grants on shared objects collide when several writers make them ("tuple concurrently
//! updated"), so all of them are made here, under one lock, and a tenant only joins the group.

use domain::{DatabaseMode, InstallationId, RoleName};
use sqlx::{Connection, PgConnection, Row};

use crate::ident::{dollar_tag, literal, run};
use crate::public_rights::Loss;

const BLOCK: &str = include_str!("queries/bootstrap.sql");

/// [`bootstrap_as`] in the own mode, which gives nobody by name what PUBLIC loses.
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
    prepare(conn, installation, mode, losses).await.map_err(|source| {
        match source.as_database_error().and_then(|e| e.code()).as_deref() {
            Some("TN010") => BootstrapError::GroupTaken,
            Some("TN011") => BootstrapError::NotOwner,
            _ => BootstrapError::Database { source },
        }
    })
}

async fn prepare(
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
    run_alone(conn, block).await
}

/// Runs statements on what all processes share, one process at a time.
pub(crate) async fn run_alone(conn: &mut PgConnection, text: String) -> sqlx::Result<()> {
    let mut tx = conn.begin().await?;
    let lock = "set local lock_timeout = '10s';
         select from tenantry.leases where name = 'bootstrap' for update";
    run(&mut tx, lock).await?;
    run(&mut tx, text).await?;
    tx.commit().await
}

/// What [`bootstrap()`] has yet to do, in words; nothing when tenants can be made: a restored database
/// lacks it, since a dump holds no rights on the database. With `own`, PUBLIC must have no right on the
/// database. One message.
pub async fn unprepared(
    conn: &mut PgConnection,
    installation: &InstallationId,
    own: bool,
) -> sqlx::Result<Vec<String>> {
    let group = RoleName::group(installation);
    let row = sqlx::query(
        "select g.oid is null,
                not coalesce(has_database_privilege(g.oid, d.oid, 'connect'), true),
                exists (select from aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
                        where a.grantee = 0),
                d.datname::text
         from (select to_regrole(quote_ident($1))::oid as oid) g, pg_catalog.pg_database d
         where d.datname = current_database()",
    )
    .bind(group.as_str())
    .fetch_one(conn)
    .await?;
    let database: String = row.try_get(3)?;
    let faults = [
        (row.try_get(0)?, format!("group role {group} does not exist")),
        (row.try_get(1)?, format!("group role {group} may not connect to database {database}")),
        (own && row.try_get(2)?, format!("PUBLIC has rights on database {database}")),
    ];
    Ok(faults.into_iter().filter(|(broken, _)| *broken).map(|(_, fault)| fault).collect())
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
