//! Looks at tenants: who is to be looked at next, and what came of it.
//!
//! A look is no operation and holds nothing. Who takes a tenant moves the time of its next look on,
//! so that no other takes it too; one that dies leaves it to others after [`LEFT_AFTER`].

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{TenantHealth, TenantId, TenantState};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, types::Json};

use crate::decode::decode;

/// A look that told nothing for this long is given to another: ten times what the slowest one
/// takes.
pub const LEFT_AFTER: Duration = Duration::from_secs(600);

/// The same for a look that a caller waits for.
const ASKED_LEFT_AFTER: Duration = Duration::from_secs(60);

/// Tenants that one statement enrols.
const PORTION: i64 = 500;

/// The counts go no further, so that they stay cheap.
const COUNT_CAP: i64 = 10_000;

/// A tenant that the caller is to look at.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    pub tenant: TenantId,
    /// By the database's clock. The report tells it as the time of the look.
    pub at: DateTime<Utc>,
}

/// Why a tenant is not well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    pub code: String,
    pub message: String,
}

impl Reason {
    /// Those of a row's `reasons`.
    pub(crate) fn read(cell: Option<serde_json::Value>) -> sqlx::Result<Vec<Self>> {
        let read = cell.map(serde_json::from_value).transpose();
        read.map(Option::unwrap_or_default).map_err(|e| sqlx::Error::Decode(e.into()))
    }
}

/// An object in which a tenant's schema is not what its migrations make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drifted {
    /// Kind and name.
    pub object: String,
    /// `missing`, `differs` or `extra`.
    pub difference: String,
}

/// What a look at a tenant came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    pub duration: Duration,
    pub schema_valid: bool,
    pub db_accessible: bool,
    pub health: TenantHealth,
    pub reasons: Vec<Reason>,
    /// `None` = the schema was not compared.
    pub drift: Option<Vec<Drifted>>,
}

/// A tenant and what was seen of it last.
#[derive(Debug, Clone)]
pub struct Stored {
    pub name: String,
    pub schema: String,
    pub state: TenantState,
    /// `None` until its first look.
    pub last: Option<Last>,
}

/// The last look at a tenant.
#[derive(Debug, Clone)]
pub struct Last {
    pub look: Look,
    pub at: DateTime<Utc>,
    /// When its health became what it is; `None` = before this was recorded.
    pub since: Option<DateTime<Utc>>,
    /// When it is to be looked at again.
    pub next_due: DateTime<Utc>,
}

/// Asks for a look at the tenant, and says since when: a look that began no earlier is the answer.
pub async fn ask(conn: &mut PgConnection, tenant: TenantId) -> sqlx::Result<DateTime<Utc>> {
    sqlx::query_scalar!(
        r#"insert into tenantry.tenant_checks (tenant_id, next_due, asked_at)
           values ($1, now() + interval '1 day' * random(), now())
           on conflict (tenant_id) do update set asked_at = now()
           returning asked_at as "asked_at!""#,
        tenant.get(),
    )
    .fetch_one(conn)
    .await
}

/// Takes a tenant that the caller is to look at now, whoever else looks at it.
pub async fn take(conn: &mut PgConnection, tenant: TenantId) -> sqlx::Result<Taken> {
    let at = sqlx::query_scalar!(
        r#"insert into tenantry.tenant_checks (tenant_id, next_due, taken_at)
           values ($1, now() + interval '1 day' * random(), now())
           on conflict (tenant_id) do update set taken_at = now()
           returning taken_at as "taken_at!""#,
        tenant.get(),
    )
    .fetch_one(conn)
    .await?;
    Ok(Taken { tenant, at })
}

/// Takes a tenant that a caller waits for.
pub async fn take_asked(conn: &mut PgConnection) -> sqlx::Result<Option<Taken>> {
    sqlx::query_file!("queries/checks/take_asked.sql", ASKED_LEFT_AFTER.as_secs_f64())
        .map(|row| Taken { tenant: TenantId::new(row.tenant_id), at: row.taken_at })
        .fetch_optional(conn)
        .await
}

/// Takes the tenant that has waited longest for its time, unless another was taken less than `gap`
/// ago, by any worker.
pub async fn take_due(conn: &mut PgConnection, gap: Duration) -> sqlx::Result<Option<Taken>> {
    let (gap, left) = (gap.as_secs_f64(), LEFT_AFTER.as_secs_f64());
    sqlx::query_file!("queries/checks/take_due.sql", gap, left)
        .map(|row| Taken { tenant: TenantId::new(row.tenant_id), at: row.taken_at })
        .fetch_optional(conn)
        .await
}

/// Which looks wait for somebody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// A caller waits for one.
    pub is_asked: bool,
    /// How long no scheduled one may begin; zero if one may now, `None` if no tenant is enrolled.
    pub due_in: Option<Duration>,
}

pub async fn waiting(conn: &mut PgConnection) -> sqlx::Result<Waiting> {
    let row = sqlx::query!(
        r#"select exists (
                      select from tenantry.tenant_checks
                      where asked_at is not null
                        and (taken_at is null or taken_at < asked_at
                             or taken_at < now() - make_interval(secs => $1))) as "is_asked!",
                  extract(epoch from greatest(s.next_at, (
                      select next_due from tenantry.tenant_checks order by next_due limit 1)) - now()
                  )::float8 as due_in,
                  exists (select from tenantry.tenant_checks) as "is_enrolled!"
           from tenantry.check_schedule s"#,
        ASKED_LEFT_AFTER.as_secs_f64(),
    )
    .fetch_one(conn)
    .await?;
    let due_in = row.due_in.filter(|_| row.is_enrolled);
    let due_in = due_in.map(|secs| Duration::try_from_secs_f64(secs).unwrap_or_default());
    Ok(Waiting { is_asked: row.is_asked, due_in })
}

/// Records what came of a look, unless a later one is known, and says whether it did. The next one
/// is due within `period`, at a time between 0.8 and 1.0 of it.
pub async fn record(
    conn: &mut PgConnection,
    taken: Taken,
    look: &Look,
    period: Duration,
) -> sqlx::Result<bool> {
    let recorded = sqlx::query_file!(
        "queries/checks/record.sql",
        taken.tenant.get(),
        taken.at,
        i32::try_from(look.duration.as_millis()).unwrap_or(i32::MAX),
        look.schema_valid,
        look.db_accessible,
        look.health.as_str(),
        Json(&look.reasons) as _,
        period.as_secs_f64(),
        look.drift.as_ref().map(Json) as _,
    )
    .execute(conn)
    .await?;
    Ok(recorded.rows_affected() > 0)
}

/// The tenant is not to be looked at any more: what was seen of it and found goes.
pub async fn forget(conn: &mut PgConnection, tenant: TenantId) -> sqlx::Result<()> {
    sqlx::query!(
        "with findings as (delete from tenantry.findings where tenant_id = $1)
         delete from tenantry.tenant_checks where tenant_id = $1",
        tenant.get(),
    )
    .execute(conn)
    .await
    .map(drop)
}

/// A tenant, if it is registered, and what was seen of it last.
pub async fn find(conn: &mut PgConnection, tenant: TenantId) -> sqlx::Result<Option<Stored>> {
    sqlx::query_file!("queries/checks/find.sql", tenant.get())
        .try_map(|r| {
            let last = match (r.checked_at, r.overall_health, r.next_due) {
                (Some(at), Some(health), Some(next_due)) => {
                    let millis = r.duration_ms.and_then(|it| u64::try_from(it).ok());
                    let drift = r.drift.map(serde_json::from_value).transpose();
                    let look = Look {
                        duration: Duration::from_millis(millis.unwrap_or_default()),
                        schema_valid: r.schema_valid.unwrap_or_default(),
                        db_accessible: r.db_accessible.unwrap_or_default(),
                        health: decode(&health)?,
                        reasons: Reason::read(r.reasons)?,
                        drift: drift.map_err(|e| sqlx::Error::Decode(e.into()))?,
                    };
                    Some(Last { look, at, since: r.health_since, next_due })
                }
                _ => None,
            };
            Ok(Stored { name: r.name, schema: r.schema_name, state: decode(&r.state)?, last })
        })
        .fetch_optional(conn)
        .await
}

/// Enrols tenants that are not yet: a portion of the registry at a time, in a walk that begins anew
/// 20 times in a `period`. Each is due at a random time within 0.8 of it. Returns whether there is
/// more now.
pub async fn enrol(conn: &mut PgConnection, period: Duration) -> sqlx::Result<bool> {
    let portion = sqlx::query_file!("queries/checks/enrol.sql", period.as_secs_f64(), PORTION);
    Ok(portion.fetch_one(conn).await?.more)
}

/// Whether everything is to be examined now, and that it is the caller's to do: it is left to
/// others after `LEFT_AFTER`, unless [`examined`] says that it is done. Returns when it began.
pub async fn take_examination(conn: &mut PgConnection) -> sqlx::Result<Option<DateTime<Utc>>> {
    sqlx::query_scalar!(
        r#"update tenantry.check_schedule set examine_at = now() + make_interval(secs => $1)
           where examine_at <= now() returning now() as "at!""#,
        LEFT_AFTER.as_secs_f64(),
    )
    .fetch_optional(conn)
    .await
}

/// The examination that began at `at` is done; the next one is due within `period`.
pub async fn examined(
    conn: &mut PgConnection,
    at: DateTime<Utc>,
    period: Duration,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update tenantry.check_schedule
         set examined_at = $1, examine_at = now() + make_interval(secs => $2::float8 * (0.8 + 0.2 * random()))",
        at,
        period.as_secs_f64(),
    )
    .execute(conn)
    .await
    .map(drop)
}

/// How the tenants are, by their last looks. The counts go up to 10,000.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    pub unhealthy: i64,
    /// They could not be looked at.
    pub unknown: i64,
    /// Age of the oldest look, or since when a tenant waits for its first one, in seconds.
    pub oldest_secs: i64,
}

pub async fn standing(conn: &mut PgConnection) -> sqlx::Result<Standing> {
    sqlx::query_as!(
        Standing,
        r#"select (select count(*) from (select from tenantry.tenant_checks
                       where overall_health = 'unhealthy' limit $1) u) as "unhealthy!",
                  (select count(*) from (select from tenantry.tenant_checks
                       where overall_health = 'error' limit $1) e) as "unknown!",
                  coalesce(extract(epoch from now() - (
                      select coalesce(checked_at, enrolled_at) from tenantry.tenant_checks
                      order by coalesce(checked_at, enrolled_at) limit 1))::bigint, 0) as "oldest_secs!""#,
        COUNT_CAP,
    )
    .fetch_one(conn)
    .await
}
