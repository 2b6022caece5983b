//! Takes an operator token back.

use domain::OperatorId;
use sqlx::PgConnection;

/// Ends the live token called `name` and says which it was; `None` when there is none.
pub async fn revoke(conn: &mut PgConnection, name: &str) -> sqlx::Result<Option<OperatorId>> {
    let id = sqlx::query_scalar!(
        "update tenantry.operator_tokens set revoked_at = now()
         where name = $1 and revoked_at is null
         returning id",
        name,
    )
    .fetch_optional(conn)
    .await?;
    Ok(id.map(OperatorId::new))
}
