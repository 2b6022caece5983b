//! Takes a spare out of the pool.

use domain::TenantId;
use sqlx::PgConnection;

/// Takes `spare` out, and says whether it was there: a transaction that is giving it to a tenant is
/// waited for. Whoever takes it out drops its schema and role in the same transaction.
pub async fn remove(conn: &mut PgConnection, spare: TenantId) -> sqlx::Result<bool> {
    let removed = sqlx::query!("delete from tenantry.spares where id = $1", spare.get())
        .execute(conn)
        .await?;
    Ok(removed.rows_affected() == 1)
}
