//! Records why ended items cannot be tried again.

use domain::{ItemError, ItemId};
use sqlx::PgConnection;

/// Records why each of `items`, which failed or were cancelled, cannot be retried; it stays in its
/// state.
///
/// # Errors
/// When the rows cannot be written.
pub async fn refuse(conn: &mut PgConnection, items: &[(ItemId, ItemError)]) -> sqlx::Result<()> {
    let ids: Vec<i64> = items.iter().map(|(id, _)| id.get()).collect();
    let codes: Vec<String> = items.iter().map(|(_, e)| e.code.as_str().to_owned()).collect();
    let messages: Vec<String> = items.iter().map(|(_, e)| e.told().into_owned()).collect();
    let retryable: Vec<bool> = items.iter().map(|(_, e)| e.retryable).collect();
    sqlx::query!(
        "update tenantry.operation_items i
         set error_code = why.code, error_message = why.message,
             error_step = null, error_retryable = why.retryable
         from unnest($1::bigint[], $2::text[], $3::text[], $4::boolean[])
             as why (id, code, message, retryable)
         where i.id = why.id and i.state || '' in ('failed', 'cancelled') -- found by id",
        &ids,
        &codes,
        &messages,
        &retryable,
    )
    .execute(conn)
    .await?;
    Ok(())
}
