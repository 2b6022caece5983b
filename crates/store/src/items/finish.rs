//! Ends an item that turned back.

use domain::ItemState;
use sqlx::PgConnection;

use super::Claim;

/// `unwinding → end`, where `end` is `failed`, `cancelled`, `rolled_back` or `undo_failed`.
/// The error recorded when unwinding began stays. False when the claim is no longer ours.
pub async fn fail(conn: &mut PgConnection, claim: &Claim, end: ItemState) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "update tenantry.operation_items
         set state = $3, finished_at = clock_timestamp(), worker_id = null
         where id = $1 and attempt = $2 and state = 'unwinding'
           and $3 in ('failed', 'cancelled', 'rolled_back', 'undo_failed')",
        claim.item.get(),
        claim.attempt,
        end.as_str(),
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}
