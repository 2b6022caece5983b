//! Puts an item back to be tried again.

use std::time::Duration;

use domain::ItemError;
use sqlx::PgConnection;

use super::Claim;

/// `running → retrying`; an item that unwinds stays so, without an owner. The caller wakes a
/// worker for it in the same transaction. A try that is not `spent` is not counted. False when the
/// claim is no longer ours.
pub async fn retry_later(
    conn: &mut PgConnection,
    claim: &Claim,
    reason: &ItemError,
    spent: bool,
    delay: Duration,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "update tenantry.operation_items
         set state = case state when 'unwinding' then state else 'retrying' end,
             tries = tries - case when $7 then 0 else 1 end,
             worker_id = null,
             next_attempt_at = clock_timestamp() + make_interval(secs => $3),
             error_code = case state when 'unwinding' then error_code else $4 end,
             error_message = case state when 'unwinding' then error_message else $5 end,
             error_step = case state when 'unwinding' then error_step else $6 end,
             error_retryable = case state when 'unwinding' then error_retryable else true end
         where id = $1 and attempt = $2 and state in ('running', 'unwinding')",
        claim.item.get(),
        claim.attempt,
        delay.as_secs_f64(),
        reason.code.as_str(),
        &reason.told(),
        reason.step,
        spent,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}
