//! Turns an item back.

use domain::ItemError;
use sqlx::PgConnection;

use super::Claim;

/// `running → compensating`, with the reason; tries start from 0, they are the undo's now.
/// False when the claim is no longer ours.
///
/// # Errors
/// When the statement fails.
pub async fn begin_compensation(
    conn: &mut PgConnection,
    claim: &Claim,
    reason: &ItemError,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "update tenantry.batch_items
         set state = 'compensating', tries = 0, error_code = $3, error_message = $4,
             error_step = $5, error_retryable = $6
         where id = $1 and attempt = $2 and state = 'running'",
        claim.item.get(),
        claim.attempt,
        reason.code.as_str(),
        reason.message,
        reason.step,
        reason.retryable,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}
