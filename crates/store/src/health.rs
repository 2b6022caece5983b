//! How all tenants are, by their last looks.

use chrono::{DateTime, Utc};
use domain::{TenantHealth, TenantId, TenantState};
use sqlx::PgConnection;

use crate::checks::Reason;
use crate::decode::decode;

/// The counts go no further, so that they stay cheap.
pub const COUNT_CAP: i64 = 10_000;

/// A tenant and how it was when it was last looked at.
#[derive(Debug, Clone)]
pub struct Health {
    pub tenant: TenantId,
    pub name: String,
    pub schema: String,
    pub state: TenantState,
    /// `None` until its first look.
    pub seen: Option<Seen>,
}

/// What the last look at a tenant came to.
#[derive(Debug, Clone)]
pub struct Seen {
    pub at: DateTime<Utc>,
    pub health: TenantHealth,
    /// When the health became what it is; `None` = before this was recorded.
    pub since: Option<DateTime<Utc>>,
    pub schema_valid: bool,
    pub db_accessible: bool,
    pub reasons: Vec<Reason>,
    /// Whether its schema is not what its migrations make; `None` = it was not compared.
    pub drifted: Option<bool>,
}

/// At most `limit` active or suspended tenants with an id above `after`, in the order of their ids; with
/// `health`, only those that have it.
pub async fn page(
    conn: &mut PgConnection,
    health: Option<TenantHealth>,
    after: Option<TenantId>,
    limit: i64,
) -> sqlx::Result<Vec<Health>> {
    let after = after.map_or(i64::MIN, TenantId::get);
    sqlx::query_file!("queries/health/page.sql", health.map(TenantHealth::as_str), after, limit)
        .try_map(|r| {
            let seen = match (r.checked_at, r.overall_health) {
                (Some(at), Some(health)) => Some(Seen {
                    at,
                    health: decode(&health)?,
                    since: r.health_since,
                    schema_valid: r.schema_valid.unwrap_or_default(),
                    db_accessible: r.db_accessible.unwrap_or_default(),
                    reasons: Reason::read(r.reasons)?,
                    drifted: r.drifted,
                }),
                _ => None,
            };
            Ok(Health {
                tenant: TenantId::new(r.id),
                name: r.name,
                schema: r.schema_name,
                state: decode(&r.state)?,
                seen,
            })
        })
        .fetch_all(conn)
        .await
}

/// How many tenants are in each health, up to 10,000 each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub active: i64,
    pub suspended: i64,
    pub healthy: i64,
    pub unhealthy: i64,
    /// They could not be looked at.
    pub error: i64,
    pub drifted: i64,
}

impl Counts {
    /// Whether no count ended before the last tenant.
    #[must_use]
    pub fn are_exact(&self) -> bool {
        let Self { active, suspended, healthy, unhealthy, error, drifted } = self;
        [active, suspended, healthy, unhealthy, error, drifted].iter().all(|it| **it < COUNT_CAP)
    }
}

pub async fn counts(conn: &mut PgConnection) -> sqlx::Result<Counts> {
    sqlx::query_file_as!(Counts, "queries/health/counts.sql", COUNT_CAP).fetch_one(conn).await
}
