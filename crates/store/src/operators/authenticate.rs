//! Finds the operators that tokens belong to.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::{OperatorId, Role};
use sqlx::PgConnection;

use crate::decode::decode;

/// Somebody whose token is live.
#[derive(Debug, Clone)]
pub struct Operator {
    pub id: OperatorId,
    /// The name it was made under.
    pub name: String,
    pub role: Role,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// Whether its last use was recorded more than a minute ago, by the database's clock.
    pub stale: bool,
}

/// The operators whose tokens have these SHA-256, by the SHA-256; those that are revoked or have
/// expired are left out.
pub async fn authenticate(
    conn: &mut PgConnection,
    hashes: &[[u8; 32]],
) -> sqlx::Result<HashMap<[u8; 32], Operator>> {
    let hashes: Vec<&[u8]> = hashes.iter().map(<[u8; 32]>::as_slice).collect();
    let rows = sqlx::query!(
        r#"select hash, id, name, role, expires_at,
                  coalesce(last_used_at < now() - interval '1 minute', true) as "stale!"
           from tenantry.operator_tokens
           where hash = any($1::bytea[]) and revoked_at is null
               and (expires_at is null or expires_at > now())"#,
        &hashes as &[&[u8]],
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|r| {
            let hash = r.hash.try_into().map_err(|_| sqlx::Error::Decode("a long hash".into()))?;
            let operator = Operator {
                id: OperatorId::new(r.id),
                name: r.name,
                role: decode(&r.role)?,
                expires_at: r.expires_at,
                stale: r.stale,
            };
            Ok((hash, operator))
        })
        .collect()
}
