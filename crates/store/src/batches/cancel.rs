//! Asks for the end of a batch.

use domain::BatchId;
use sqlx::PgConnection;

/// `queued | running → cancelling`; asking again changes nothing. False when the batch is over,
/// on its way back, or not there.
///
/// # Errors
/// When the row cannot be written.
pub async fn cancel(conn: &mut PgConnection, id: BatchId) -> sqlx::Result<bool> {
    let asked = sqlx::query!(
        "update tenantry.batches
         set state = 'cancelling',
             cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp())
         where id = $1 and finished_at is null and state in ('queued', 'running', 'cancelling')",
        id.get(),
    )
    .execute(conn)
    .await?;
    Ok(asked.rows_affected() == 1)
}
