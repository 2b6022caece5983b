//! Opens a stage's transaction: its limits, and the locks that make it the only one at work on
//! its tenants.

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

/// Sets the limits for the rest of the transaction and takes the tenants' advisory locks: two-key
/// form, so that they share no key space with one-key locks of others. Everybody takes them in the
/// same order.
///
/// # Errors
/// 55P03 when another transaction works on one of the tenants for longer than the limit.
pub async fn open_stage(
    conn: &mut PgConnection,
    tenants: &[TenantId],
    limits: StageLimits,
) -> sqlx::Result<()> {
    let mut locks: Vec<(i32, i32)> = tenants.iter().map(|tenant| tenant.lock_key()).collect();
    locks.sort_unstable();
    let (classes, keys): (Vec<i32>, Vec<i32>) = locks.into_iter().unzip();
    sqlx::query!(
        "select set_config('statement_timeout', $1, true) as a,
                set_config('lock_timeout', $2, true) as b,
                set_config('idle_in_transaction_session_timeout', $3, true) as c,
                (select count(pg_advisory_xact_lock(class, key))
                 from unnest($4::int[], $5::int[]) as lock (class, key)) as d",
        limits.statement.as_millis().to_string(),
        limits.lock.as_millis().to_string(),
        limits.silence.as_millis().to_string(),
        &classes,
        &keys,
    )
    .fetch_one(conn)
    .await?;
    Ok(())
}
