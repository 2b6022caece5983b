//! Counts the failures of a wave, in the transaction that records one more.

use domain::{HaltRules, OperationId};
use sqlx::PgConnection;

use crate::decode::{natural, unreadable};

/// The rules of a wave whose failures are to be counted; the operation's row is locked, so that two workers
/// that record the last two failures at once count one after the other.
pub async fn lock_for_failure(
    conn: &mut PgConnection,
    operation: OperationId,
    wave: i16,
) -> sqlx::Result<Option<(HaltRules, u64)>> {
    sqlx::query!(
        r#"with locked as (
               select id from tenantry.operations where id = $1 and finished_at is null for no key update
           )
           select w.halt as "halt!", w.total from tenantry.rollout_waves w
           join locked on locked.id = w.operation_id
           where w.wave = $2 and w.halt is not null and w.state = 'running' and not w.promoted"#,
        operation.get(),
        wave,
    )
    .try_map(|row| {
        let rules = serde_json::from_value(row.halt).map_err(unreadable)?;
        Ok((rules, natural(i64::from(row.total))))
    })
    .fetch_optional(conn)
    .await
}

/// How many tenants of a wave failed for good.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Failures {
    pub all: u64,
    /// With the error code that most of them have.
    pub same_code: u64,
}

/// The failures of the wave so far, those that are being recorded included. A tenant that is no longer there is
/// none, nor is one that was stopped. Reads the failed items of the wave, by an index.
pub async fn failures(
    conn: &mut PgConnection,
    operation: OperationId,
    wave: i16,
) -> sqlx::Result<Failures> {
    sqlx::query!(
        r#"select coalesce(sum(n), 0)::bigint as "all!", coalesce(max(n), 0) as "same!" from (
               select count(*) as n from tenantry.operation_items
               where operation_id = $1 and wave = $2
                 and state in ('unwinding', 'failed', 'undo_failed', 'stuck')
                 and error_code not in ('tenant_not_active', 'cancelled', 'batch_deadline')
               group by error_code) as by_code"#,
        operation.get(),
        wave,
    )
    .map(|row| Failures { all: natural(row.all), same_code: natural(row.same) })
    .fetch_one(conn)
    .await
}
