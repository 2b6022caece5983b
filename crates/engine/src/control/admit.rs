//! Admits operations on tenants that are there.

use serde_json::json;
use sqlx::PgConnection;
use store::{
    audit::{self, By},
    items::Waiters,
    operations::{self, Asked, Selected},
};

use super::{ControlError, wake::wake};

/// Says which tenants the operation would be about; writes nothing.
pub async fn look(conn: &mut PgConnection, asked: &Asked<'_>) -> Result<Selected, ControlError> {
    Ok(operations::admit(conn, asked, None, false).await?)
}

/// Records the operation, its items and their jobs, in the caller's transaction; ring
/// [`queue::Bell::Jobs`] after the commit. False: there is no such tenant, and nothing was recorded.
///
/// # Errors
/// [`ControlError::SelectionChanged`] when `digest` is given and is not that of the tenants; when the
/// database fails.
pub async fn admit(
    conn: &mut PgConnection,
    by: By<'_>,
    asked: &Asked<'_>,
    digest: Option<&str>,
) -> Result<bool, ControlError> {
    let selected = operations::admit(conn, asked, digest, true).await?;
    if !selected.admitted {
        let changed = digest.is_some_and(|digest| digest != selected.digest);
        return if changed { Err(ControlError::SelectionChanged(selected)) } else { Ok(false) };
    }
    if asked.run_at.is_none() {
        wake(conn, Waiters::Operation(asked.id)).await?;
    }
    let detail = json!({
        "kind": asked.kind, "params": asked.params, "total": selected.tenants,
        "selector": asked.tenants.is_none().then_some(asked.selector), "run_at": asked.run_at,
    });
    let entry = by.did("operation.submitted");
    audit::append(conn, audit::Entry { operation: Some(asked.id), detail, ..entry }).await?;
    Ok(true)
}
