//! The API keys of one tenant: what is known of each, and what ends them.

use chrono::{DateTime, Utc};
use domain::TenantId;
use sqlx::PgConnection;

/// A key as its tenant has it, without hash and secret.
#[derive(Debug, Clone)]
pub struct Held {
    pub id: i64,
    pub prefix: String,
    pub last4: String,
    pub created_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
    /// Its last use, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// Whether its time is over, by the database's clock.
    pub is_expired: bool,
    /// Until when its secret lies sealed.
    pub sealed_until: Option<DateTime<Utc>>,
}

/// At most `limit` keys of `tenant` behind the key `after`, by id: live ones and those that have ended.
pub async fn list(
    conn: &mut PgConnection,
    tenant: TenantId,
    after: i64,
    limit: i64,
) -> sqlx::Result<Vec<Held>> {
    sqlx::query_as!(
        Held,
        r#"select id, prefix, last4, created_at, expires_at, revoked_at, last_used_at, sealed_until,
                  coalesce(expires_at <= clock_timestamp(), false) as "is_expired!"
           from tenantry.api_keys where tenant_id = $1 and id > $2 order by id limit $3"#,
        tenant.get(),
        after,
        limit,
    )
    .fetch_all(conn)
    .await
}

/// The key with this id, if it is `tenant`'s.
pub async fn find(
    conn: &mut PgConnection,
    tenant: TenantId,
    id: i64,
) -> sqlx::Result<Option<Held>> {
    sqlx::query_as!(
        Held,
        r#"select id, prefix, last4, created_at, expires_at, revoked_at, last_used_at, sealed_until,
                  coalesce(expires_at <= clock_timestamp(), false) as "is_expired!"
           from tenantry.api_keys where id = $2 and tenant_id = $1"#,
        tenant.get(),
        id,
    )
    .fetch_optional(conn)
    .await
}

/// The id of the key with this SHA-256, and its secret as long as that can be revealed.
pub async fn by_hash(
    conn: &mut PgConnection,
    hash: &[u8],
) -> sqlx::Result<Option<(i64, Option<Vec<u8>>)>> {
    sqlx::query!(
        "select id, case when revoked_at is null and sealed_until > clock_timestamp() then sealed end as sealed
         from tenantry.api_keys where hash = $1",
        hash,
    )
    .map(|r| (r.id, r.sealed))
    .fetch_optional(conn)
    .await
}

/// Revokes `tenant`'s key `id` at once and erases what is sealed of it. False if it was revoked before, or is
/// not the tenant's.
pub async fn revoke(conn: &mut PgConnection, tenant: TenantId, id: i64) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "update tenantry.api_keys
         set revoked_at = clock_timestamp(), sealed = null, sealed_until = null
         where id = $2 and tenant_id = $1 and revoked_at is null",
        tenant.get(),
        id,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}
