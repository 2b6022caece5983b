//! Re-checks a claim in the transaction that is about to commit.

use sqlx::PgConnection;

use super::Claim;

/// Whether `claim` still holds; if so its row stays locked until the transaction ends, so nobody
/// can claim the item in between.
pub async fn hold(conn: &mut PgConnection, claim: &Claim) -> sqlx::Result<bool> {
    let row = sqlx::query_scalar!(
        "select 1 from tenantry.operation_items
         where id = $1 and attempt = $2 and state = $3 for update",
        claim.item.get(),
        claim.attempt,
        claim.state.as_str(),
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.is_some())
}
