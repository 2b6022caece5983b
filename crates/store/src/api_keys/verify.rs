//! Whose an API key is that somebody presents, and its last use.

use chrono::{DateTime, Utc};
use domain::{TenantId, TenantState};
use sqlx::PgConnection;

use crate::{decode::decode, tenants::Suspension};

/// A key that is presented, and its tenant.
#[derive(Debug, Clone)]
pub struct Presented {
    pub id: i64,
    pub is_revoked: bool,
    /// By the database's clock.
    pub is_expired: bool,
    pub expires_at: Option<DateTime<Utc>>,
    /// Whether its last use was recorded more than a minute ago, by the database's clock.
    pub stale: bool,
    pub tenant: TenantId,
    pub tenant_name: String,
    pub domain: String,
    pub state: TenantState,
    /// `None` unless the tenant is suspended.
    pub suspension: Option<Suspension>,
}

/// The key with this SHA-256, whatever became of it and of its tenant.
pub async fn present(conn: &mut PgConnection, hash: &[u8; 32]) -> sqlx::Result<Option<Presented>> {
    sqlx::query!(
        r#"select k.id, k.revoked_at is not null as "is_revoked!", k.expires_at,
                  coalesce(k.expires_at <= clock_timestamp(), false) as "is_expired!",
                  coalesce(k.last_used_at < now() - interval '1 minute', true) as "stale!",
                  t.id as tenant_id, t.name, t.domain, t.state,
                  t.suspended_at, t.suspended_reason, t.suspended_until
           from tenantry.api_keys k join tenantry.tenants t on t.id = k.tenant_id
           where k.hash = $1"#,
        hash.as_slice(),
    )
    .try_map(|r| {
        Ok(Presented {
            id: r.id,
            is_revoked: r.is_revoked,
            is_expired: r.is_expired,
            expires_at: r.expires_at,
            stale: r.stale,
            tenant: TenantId::new(r.tenant_id),
            tenant_name: r.name,
            domain: r.domain,
            state: decode(&r.state)?,
            suspension: r.suspended_at.map(|since| Suspension {
                since,
                reason: r.suspended_reason,
                until: r.suspended_until,
            }),
        })
    })
    .fetch_optional(conn)
    .await
}

/// Sets the key's last use to now, at most once a minute.
pub async fn touch(conn: &mut PgConnection, id: i64) -> sqlx::Result<()> {
    sqlx::query!(
        "update tenantry.api_keys set last_used_at = now()
         where id = $1 and (last_used_at is null or last_used_at < now() - interval '1 minute')",
        id,
    )
    .execute(conn)
    .await?;
    Ok(())
}
