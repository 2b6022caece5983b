//! What a new owner of schema `tenantry` needs beside what `reassign owned` gives.

use domain::{InstallationId, RoleName};
use sqlx::{Connection as _, PgConnection};

use crate::grants::DATA;
use crate::ident::{literal, run};
use crate::makers;

const MAKERS: &str = include_str!("queries/hand_over.sql");
const LOCKS: &str = include_str!("queries/hand_over_locks.sql");
const DEFAULTS: &str = include_str!("queries/hand_over_defaults.sql");

/// Gives the owner of schema `tenantry` the tenants' group, all makers and advisory locks, and the tenants what they
/// may do with objects that it makes later. A superuser does all of it, another user what it may.
/// Writes nothing when all is in place. True when a superuser did it, who then goes on as itself until
/// the caller's transaction ends, and not as the owner.
///
/// # Errors
/// SQLSTATE 42501 when the connected user may not: a superuser has to do it.
pub async fn hand_over(
    conn: &mut PgConnection,
    installation: &InstallationId,
) -> sqlx::Result<bool> {
    let mut tx = conn.begin().await?;
    // The session has taken the owner's role, which may not have the rights yet.
    let superuser = sqlx::query(
        "select set_config('role', 'none', true) from pg_catalog.pg_roles
         where rolname = session_user and rolsuper",
    )
    .fetch_optional(&mut *tx)
    .await?
    .is_some();
    if superuser {
        run(&mut tx, LOCKS.replace("{tag}", "$tenantry$")).await?;
    }
    let group = RoleName::group(installation);
    if makers::are_members(&tx) {
        let block = MAKERS
            .replace("{group}", &literal(group.as_str()))
            .replace("{makers}", &literal(&group.makers()))
            .replace("{tag}", "$tenantry$");
        run(&mut tx, block).await?;
    }
    let block = DEFAULTS
        .replace("{roles}", &literal(&format!("tn_{}_", installation.as_str())))
        .replace("{marks}", &literal(&format!("tenantry:{}:", installation.as_str())))
        .replace("{data}", DATA)
        .replace("{tag}", "$tenantry$");
    run(&mut tx, block).await?;
    tx.commit().await?;
    Ok(superuser)
}
