//! Ends an operation that nobody ended.

use domain::OperationId;
use serde_json::json;
use sqlx::PgConnection;

use super::{Deed, Outcome};
use crate::FixError;

/// As a worker does: one guarded UPDATE, and the event with it.
pub(super) async fn run(
    conn: &mut PgConnection,
    operation: OperationId,
) -> Result<Outcome, FixError> {
    let Some(state) = store::operations::settle(conn, operation).await? else {
        return Ok(Outcome::Gone);
    };
    let detail = json!({ "state": state });
    let operation = Some(operation);
    Ok(Outcome::Done(Deed { action: "operation.settled", tenant: None, operation, detail }))
}
