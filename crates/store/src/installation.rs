//! Who we are in a cluster that others share.

use domain::{DatabaseMode, InstallationId};
use sqlx::PgConnection;

use crate::decode::{decode, unreadable};

/// The id this control database was given when its schema was made.
///
/// # Errors
/// When the database cannot be read, or the schema `tenantry` is not there yet.
pub async fn installation(conn: &mut PgConnection) -> sqlx::Result<InstallationId> {
    let id = sqlx::query_scalar!("select id from tenantry.installation").fetch_one(conn).await?;
    InstallationId::parse(&id).map_err(unreadable)
}

/// Whether the database is Tenantry's own or shared; `None` until that is chosen.
///
/// # Errors
/// When the database cannot be read, or the schema `tenantry` is not there yet.
pub async fn database_mode(conn: &mut PgConnection) -> sqlx::Result<Option<DatabaseMode>> {
    let mode =
        sqlx::query_scalar!("select mode from tenantry.installation").fetch_one(conn).await?;
    mode.as_deref().map(decode).transpose()
}

/// Keeps whether the database is Tenantry's own or shared.
pub async fn set_database_mode(conn: &mut PgConnection, mode: DatabaseMode) -> sqlx::Result<()> {
    sqlx::query!(
        "update tenantry.installation set mode = $1 where mode is distinct from $1",
        mode.as_str()
    )
    .execute(conn)
    .await?;
    Ok(())
}
