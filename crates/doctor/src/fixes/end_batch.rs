//! Ends a batch that nobody ended.

use domain::BatchId;
use serde_json::json;
use sqlx::PgConnection;

use super::{Deed, Outcome};
use crate::FixError;

/// As a worker does: one guarded UPDATE, and the event with it.
pub(super) async fn run(conn: &mut PgConnection, batch: BatchId) -> Result<Outcome, FixError> {
    let Some(state) = store::batches::settle(conn, batch).await? else { return Ok(Outcome::Gone) };
    let detail = json!({ "state": state });
    let batch = Some(batch);
    Ok(Outcome::Done(Deed { action: "batch.settled", tenant: None, batch, detail }))
}
