//! One tenant is worked on by one transaction at a time.

use domain::TenantId;
use sqlx::PgConnection;

/// First key of the lock that bootstraps take, in a class of its own.
pub(crate) const BOOTSTRAP_CLASS: i32 = 0x7E4B;

/// Waits until no other transaction works on the tenant; held until this one ends. One message.
///
/// # Errors
/// When the wait ends in a `lock_timeout`, or the connection fails.
pub async fn tenant(conn: &mut PgConnection, tenant: TenantId) -> sqlx::Result<()> {
    let (class, key) = tenant.lock_key();
    sqlx::query("select pg_advisory_xact_lock($1, $2)").bind(class).bind(key).execute(conn).await?;
    Ok(())
}
