//! Ends an item whose remains an operator has removed by hand.

use domain::{OperationId, TenantId};
use sqlx::PgConnection;

/// An item that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolved {
    /// The tenant it was about.
    pub tenant: Option<TenantId>,
}

/// `undo_failed → failed`: nothing of the tenant is left, somebody says. Gives its names back,
/// revokes its keys and marks its stages as undone. `None` when the item is in another state, or
/// not there.
///
/// # Errors
/// When the rows cannot be written.
pub async fn resolve(
    conn: &mut PgConnection,
    operation: OperationId,
    index: u32,
) -> sqlx::Result<Option<Resolved>> {
    let index = i32::try_from(index).unwrap_or(i32::MAX);
    let tenant = sqlx::query_file_scalar!("queries/items/resolve.sql", operation.get(), index)
        .fetch_optional(conn)
        .await?;
    Ok(tenant.map(|tenant| Resolved { tenant: tenant.map(TenantId::new) }))
}
