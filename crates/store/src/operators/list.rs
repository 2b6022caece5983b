//! Lists the operator tokens.

use chrono::{DateTime, Utc};
use domain::{OperatorId, Role};
use serde::Serialize;
use sqlx::PgConnection;

use crate::decode::decode;

/// One token, without its hash.
#[derive(Debug, Clone, Serialize)]
pub struct OperatorRow {
    pub id: OperatorId,
    /// The name it was made under.
    pub name: String,
    pub role: Role,
    pub created_at: DateTime<Utc>,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was taken back.
    pub revoked_at: Option<DateTime<Utc>>,
    /// Its last use, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// Every token there ever was, newest first, at most 1,000.
pub async fn list(conn: &mut PgConnection) -> sqlx::Result<Vec<OperatorRow>> {
    let rows = sqlx::query!(
        "select id, name, role, created_at, expires_at, revoked_at, last_used_at
         from tenantry.operator_tokens order by id desc limit 1000",
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|r| {
            Ok(OperatorRow {
                id: OperatorId::new(r.id),
                name: r.name,
                role: decode(&r.role)?,
                created_at: r.created_at,
                expires_at: r.expires_at,
                revoked_at: r.revoked_at,
                last_used_at: r.last_used_at,
            })
        })
        .collect()
}
