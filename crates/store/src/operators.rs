//! Operator tokens: who may call the API, and as what. Only hashes are stored.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::{OperatorId, Role};
use serde::Serialize;
use sqlx::PgConnection;

use crate::decode::decode;

/// A token about to be stored. The token itself never is.
#[derive(Debug, Clone)]
pub struct NewOperator<'a> {
    /// What people call it; one live token per name.
    pub name: &'a str,
    pub role: Role,
    /// SHA-256 of the token.
    pub hash: &'a [u8; 32],
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

/// One token, without its hash.
#[derive(Debug, Clone, Serialize)]
pub struct OperatorRow {
    pub id: OperatorId,
    pub name: String,
    pub role: Role,
    pub created_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
    /// Its last use, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// Every token there ever was, newest first, at most 1,000.
pub async fn list(conn: &mut PgConnection) -> sqlx::Result<Vec<OperatorRow>> {
    sqlx::query!(
        "select id, name, role, created_at, expires_at, revoked_at, last_used_at
         from tenantry.operator_tokens order by id desc limit 1000",
    )
    .try_map(|r| {
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
    .fetch_all(conn)
    .await
}

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

/// Somebody whose token is live.
#[derive(Debug, Clone)]
pub struct Operator {
    pub id: OperatorId,
    pub name: String,
    pub role: Role,
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
    sqlx::query!(
        r#"select hash, id, name, role, expires_at,
                  coalesce(last_used_at < now() - interval '1 minute', true) as "stale!"
           from tenantry.operator_tokens
           where hash = any($1::bytea[]) and revoked_at is null
               and (expires_at is null or expires_at > now())"#,
        &hashes as &[&[u8]],
    )
    .try_map(|r| {
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
    .fetch_all(conn)
    .await
    .map(HashMap::from_iter)
}

/// Sets the token's last use to now, at most once a minute.
pub async fn touch(conn: &mut PgConnection, id: OperatorId) -> sqlx::Result<()> {
    sqlx::query!(
        "update tenantry.operator_tokens set last_used_at = now()
         where id = $1 and (last_used_at is null or last_used_at < now() - interval '1 minute')",
        id.get(),
    )
    .execute(conn)
    .await?;
    Ok(())
}
