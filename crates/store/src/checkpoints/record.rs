//! Records a committed stage.

use domain::ItemState;
use serde::Serialize;
use sqlx::{PgConnection, types::Json};

use crate::items::Claim;

/// One step of a stage as the results show it.
#[derive(Debug, Clone, Serialize)]
pub struct StepRecord {
    /// The step's durable name.
    pub name: &'static str,
    /// `done` or `undone`.
    pub state: &'static str,
    /// How long it took, in milliseconds.
    pub duration_ms: f64,
}

/// Records `stage` as committed by `claims` and takes their items to `next` (`running` while stages
/// are left, then `built` or `succeeded`): one statement, the last one of the stage's transaction.
/// False when one of the claims is no longer ours; the transaction must then be rolled back.
///
/// # Errors
/// When the statement fails.
pub async fn record(
    conn: &mut PgConnection,
    claims: &[Claim],
    stage: &str,
    steps: &[StepRecord],
    next: ItemState,
) -> sqlx::Result<bool> {
    let (items, attempts): (Vec<i64>, Vec<i32>) =
        claims.iter().map(|claim| (claim.item.get(), claim.attempt)).unzip();
    let recorded = sqlx::query_file!(
        "queries/checkpoints/record.sql",
        &items,
        &attempts,
        next.as_str(),
        next == ItemState::Running,
        next.is_final(),
        stage,
        Json(steps) as _,
    )
    .execute(conn)
    .await?;
    Ok(recorded.rows_affected() == claims.len() as u64)
}
