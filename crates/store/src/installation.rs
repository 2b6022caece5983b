//! Who we are in a cluster that others share.

use domain::InstallationId;
use sqlx::PgConnection;

/// The id this control database was given when its schema was made.
///
/// # Errors
/// When the database cannot be read, or the schema `tenantry` is not there yet.
pub async fn installation(conn: &mut PgConnection) -> sqlx::Result<InstallationId> {
    let id = sqlx::query_scalar!("select id from tenantry.installation").fetch_one(conn).await?;
    InstallationId::parse(&id).map_err(|e| sqlx::Error::Decode(Box::new(e)))
}
