//! Sets ended items going again.

use domain::{ItemId, TenantId};
use sqlx::PgConnection;

/// An item that is tried again.
#[derive(Debug, Clone)]
pub struct Requeued {
    /// The item.
    pub id: ItemId,
    /// The tenant names are reserved for.
    pub tenant: TenantId,
    /// The domain reserved.
    pub domain: String,
    /// The schema reserved.
    pub schema: String,
}

/// `failed | cancelled | rolled_back → queued` with no tries used and no error, and says how many.
///
/// # Errors
/// When the rows cannot be written.
pub async fn requeue(conn: &mut PgConnection, items: &[Requeued]) -> sqlx::Result<u64> {
    let ids: Vec<i64> = items.iter().map(|i| i.id.get()).collect();
    let tenants: Vec<i64> = items.iter().map(|i| i.tenant.get()).collect();
    let domains: Vec<String> = items.iter().map(|i| i.domain.clone()).collect();
    let schemas: Vec<String> = items.iter().map(|i| i.schema.clone()).collect();
    let done = sqlx::query_file!("queries/items/requeue.sql", &ids, &tenants, &domains, &schemas)
        .execute(conn)
        .await?;
    Ok(done.rows_affected())
}
