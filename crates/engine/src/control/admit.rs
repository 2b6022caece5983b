//! Admits operations on tenants that are there.

use chrono::{DateTime, Utc};
use domain::{Kind, OperationId, OperatorId, Selector, TenantId};
use serde_json::{Value, json};
use sqlx::PgConnection;
use store::{
    audit::{self, By},
    items::Waiters,
    operations::{self, Admission, Selected},
    tenants::Place,
};

use super::{ControlError, wake::wake};

/// An operation that is asked for, and the tenants that it is about.
#[derive(Debug, Clone)]
pub struct Asked<'a> {
    /// Its id, minted by the caller.
    pub id: OperationId,
    /// What it does.
    pub kind: Kind,
    /// What the kind has to know.
    pub params: &'a Value,
    /// These tenants only.
    pub tenants: Option<&'a [TenantId]>,
    /// Those that all of it fits.
    pub selector: &'a Selector,
    /// Without those whose schema is at this place: nothing is to be done there.
    pub but_at: Option<&'a Place>,
    /// Not to be set going before; `None`: at once.
    pub run_at: Option<DateTime<Utc>>,
    /// Who asks for it.
    pub created_by: Option<OperatorId>,
}

impl Asked<'_> {
    fn admission(&self) -> Admission<'_> {
        Admission {
            id: self.id,
            kind: self.kind,
            params: self.params,
            created_by: self.created_by,
            run_at: self.run_at,
            states: self.kind.states(),
            tenants: self.tenants,
            selector: self.selector,
            but_at: self.but_at,
        }
    }
}

/// Says which tenants the operation would be about; writes nothing.
pub async fn look(conn: &mut PgConnection, asked: &Asked<'_>) -> Result<Selected, ControlError> {
    Ok(operations::select(conn, &asked.admission()).await?)
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
    let selected = operations::admit(conn, &asked.admission(), digest).await?;
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
