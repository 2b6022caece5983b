//! Adds an operator token.

use chrono::{DateTime, Utc};
use domain::{OperatorId, Role};
use sqlx::PgConnection;

/// A token about to be stored. The token itself never is.
#[derive(Debug, Clone)]
pub struct NewOperator<'a> {
    /// What people call it; one live token per name.
    pub name: &'a str,
    pub role: Role,
    /// SHA-256 of the token.
    pub hash: &'a [u8; 32],
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
}

/// The new token's id, or `None` when a live token has that name.
pub async fn create(
    conn: &mut PgConnection,
    new: NewOperator<'_>,
) -> sqlx::Result<Option<OperatorId>> {
    let id = sqlx::query_scalar!(
        "insert into tenantry.operator_tokens (name, role, hash, expires_at)
         values ($1, $2, $3, $4)
         on conflict (name) where revoked_at is null do nothing
         returning id",
        new.name,
        new.role.as_str(),
        new.hash.as_slice(),
        new.expires_at,
    )
    .fetch_optional(conn)
    .await?;
    Ok(id.map(OperatorId::new))
}
