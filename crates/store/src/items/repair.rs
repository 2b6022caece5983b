//! What operators do about an item that cannot go on by itself.

use domain::{ItemId, Kind, OperationId, TenantId};
use sqlx::PgConnection;

use crate::decode::with_kind;

/// `undo_failed → unwinding` with no tries used; the caller wakes a worker for it in the same
/// transaction. `None` when the item is in another state, or not there.
pub async fn undo(
    conn: &mut PgConnection,
    operation: OperationId,
    index: u32,
) -> sqlx::Result<Option<(ItemId, Kind)>> {
    let item = sqlx::query!(
        r#"update tenantry.operation_items
         set state = 'unwinding', tries = 0, worker_id = null, finished_at = null,
             next_attempt_at = clock_timestamp()
         where operation_id = $1 and idx = $2 and state = 'undo_failed'
         returning id, (select b.kind from tenantry.operations b where b.id = operation_id) as "kind!""#,
        operation.get(),
        i32::try_from(index).unwrap_or(i32::MAX),
    )
    .fetch_optional(conn)
    .await?;
    item.map(|row| with_kind(row.id, &row.kind)).transpose()
}

/// An item that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolved {
    /// The tenant it was about.
    pub tenant: Option<TenantId>,
}

/// `undo_failed → failed`: nothing of the tenant is left, an operator says. Gives its names back,
/// revokes its keys and marks its stages as undone. `stuck → failed` leaves all three. `None` when the item
/// is in another state, or not there.
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
