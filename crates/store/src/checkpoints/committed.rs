//! Reads an item's committed stages.

use domain::ItemId;
use sqlx::PgConnection;

/// The stages of `item` that are committed and not undone, in no order.
pub async fn committed(conn: &mut PgConnection, item: ItemId) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        "select stage from tenantry.checkpoints where item_id = $1 and undone_at is null",
        item.get(),
    )
    .fetch_all(conn)
    .await
}
