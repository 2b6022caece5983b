//! Turns an item back.

use domain::ItemError;
use sqlx::PgConnection;

use super::Claim;

/// `running → unwinding`, with the reason; tries start from 0, they are the undo's now.
/// Returns the stages that are committed and have to be undone, those of this claim included;
/// `None` when the claim is no longer ours.
pub async fn begin_unwind(
    conn: &mut PgConnection,
    claim: &Claim,
    reason: &ItemError,
) -> sqlx::Result<Option<Vec<String>>> {
    sqlx::query_scalar!(
        r#"update tenantry.operation_items
           set state = 'unwinding', tries = 0, error_code = $3, error_message = $4,
               error_step = $5, error_retryable = $6
           where id = $1 and attempt = $2 and state = 'running'
           returning array(select stage from tenantry.checkpoints
                           where item_id = $1 and undone_at is null) as "committed!""#,
        claim.item.get(),
        claim.attempt,
        reason.code.as_str(),
        &reason.told(),
        reason.step,
        reason.retryable,
    )
    .fetch_optional(conn)
    .await
}
