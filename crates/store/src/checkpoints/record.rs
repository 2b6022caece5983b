//! Records a committed stage.

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

/// Records `stage` as committed by `claim`, in the stage's own transaction.
///
/// # Errors
/// When the statement fails.
pub async fn record(
    conn: &mut PgConnection,
    claim: &Claim,
    stage: &str,
    steps: &[StepRecord],
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into tenantry.checkpoints (item_id, stage, attempt, steps) values ($1, $2, $3, $4)
         on conflict (item_id, stage) do update
         set attempt = excluded.attempt, steps = excluded.steps,
             committed_at = clock_timestamp(), undone_at = null",
        claim.item.get(),
        stage,
        claim.attempt,
        Json(steps) as _,
    )
    .execute(conn)
    .await?;
    Ok(())
}
