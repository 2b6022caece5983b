//! Opens a stage's transaction: its limits, and the lock that makes it the only one at work on
//! the tenant.

use std::time::Duration;

use domain::TenantId;
use sqlx::PgConnection;

/// How long a stage may wait and run.
#[derive(Debug, Clone, Copy)]
pub struct StageLimits {
    /// Longest any one statement may run.
    pub statement: Duration,
    /// Longest wait for a lock, the tenant's own included.
    pub lock: Duration,
    /// Longest the session may be silent within the transaction: a worker that was halted or cut
    /// off keeps the tenant's lock no longer than this. Shorter than `lock`, so that whoever
    /// takes over outwaits it.
    pub silence: Duration,
}

/// Sets the limits for the rest of the transaction and takes the tenant's advisory lock: two-key
/// form, so that it shares no key space with one-key locks of others.
///
/// # Errors
/// 55P03 when another transaction works on the tenant for longer than the limit.
pub async fn open_stage(
    conn: &mut PgConnection,
    tenant: TenantId,
    limits: StageLimits,
) -> sqlx::Result<()> {
    let (class, key) = tenant.lock_key();
    sqlx::query!(
        "select set_config('statement_timeout', $1, true) as a,
                set_config('lock_timeout', $2, true) as b,
                set_config('idle_in_transaction_session_timeout', $3, true) as c,
                pg_advisory_xact_lock($4, $5)::text as d",
        limits.statement.as_millis().to_string(),
        limits.lock.as_millis().to_string(),
        limits.silence.as_millis().to_string(),
        class,
        key,
    )
    .fetch_one(conn)
    .await?;
    Ok(())
}
