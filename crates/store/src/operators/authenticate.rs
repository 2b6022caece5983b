//! Finds the operator a token belongs to.

use chrono::{DateTime, Utc};
use domain::{OperatorId, Role};
use sqlx::PgConnection;

use crate::decode::decode;

/// Somebody whose token is live.
#[derive(Debug, Clone)]
pub struct Operator {
    /// The token's id.
    pub id: OperatorId,
    /// The name it was made under.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// Whether its last use was recorded more than a minute ago, by the database's clock.
    pub stale: bool,
}

/// The operator whose token has this SHA-256, unless it is revoked or has expired.
///
/// # Errors
/// When the row cannot be read.
pub async fn authenticate(
    conn: &mut PgConnection,
    hash: &[u8; 32],
) -> sqlx::Result<Option<Operator>> {
    let row = sqlx::query!(
        r#"select id, name, role, expires_at,
                  coalesce(last_used_at < now() - interval '1 minute', true) as "stale!"
           from tenantry.operator_tokens
           where hash = $1 and revoked_at is null and (expires_at is null or expires_at > now())"#,
        hash.as_slice(),
    )
    .fetch_optional(conn)
    .await?;
    row.map(|r| {
        Ok(Operator {
            id: OperatorId::new(r.id),
            name: r.name,
            role: decode(&r.role)?,
            expires_at: r.expires_at,
            stale: r.stale,
        })
    })
    .transpose()
}
