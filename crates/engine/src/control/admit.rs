//! Admits operations on tenants that are there.

use domain::{Kind, OperationId, Selector};
use queue::Bell;
use serde_json::{Value, json};
use sqlx::PgConnection;
use store::{
    Connections,
    audit::{self, By},
    items::Waiters,
    operations::{self, Asked, Selected},
    tenants,
};

use super::{ControlError, wake::wake};

/// Suspensions that are ended in one operation, at most.
const DUE_AT_ONCE: i64 = 1_000;

/// Says which tenants the operation would be about; writes nothing.
pub async fn look(conn: &mut PgConnection, asked: &Asked<'_>) -> Result<Selected, ControlError> {
    Ok(operations::admit(conn, asked, None, false).await?)
}

/// Resumes the suspended tenants whose time is over. Several processes may do it at once: each tenant is
/// resumed by one of them.
pub async fn resume_due(pool: &Connections, by: By<'_>) -> Result<(), ControlError> {
    let mut tx = pool.begin().await?;
    let due = tenants::take_over_due(&mut tx, DUE_AT_ONCE).await?;
    let asked = Asked {
        id: OperationId::mint(),
        kind: Kind::Resume,
        params: &json!({}),
        tenants: Some(&due),
        inputs: None,
        selector: &Selector::default(),
        with_version: &[],
        but_at: None,
        run_at: None,
        created_by: None,
    };
    let resumed = !due.is_empty() && admit(&mut tx, by, &asked, None).await?;
    tx.commit().await?;
    if resumed {
        queue::ring(pool, Bell::Jobs).await;
    }
    Ok(())
}

/// Records the operation, its items and their jobs, in the caller's transaction; ring
/// [`queue::Bell::Jobs`] after the commit. False: there is no such tenant, and nothing was recorded.
///
/// # Errors
/// [`ControlError::SelectionChanged`] when `digest` is given and is not that of kind, params and tenants; when the
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
        "kind": asked.kind, "params": told(asked), "total": selected.tenants,
        "selector": asked.tenants.is_none().then_some(asked.selector), "run_at": asked.run_at,
    });
    let tenant = asked.tenants.and_then(|tenants| match tenants {
        [one] => Some(*one),
        _ => None,
    });
    let (operation, entry) = (Some(asked.id), by.did("operation.submitted"));
    audit::append(conn, audit::Entry { tenant, operation, detail, ..entry }).await?;
    Ok(true)
}

/// The parameters as the audit log tells them. Of a change it is the names of what is changed: what a tenant is
/// called, and what is said of it, is for the registry alone.
fn told(asked: &Asked<'_>) -> Value {
    match (asked.kind, asked.params["patch"].as_object()) {
        (Kind::Update, Some(patch)) => json!({ "fields": patch.keys().collect::<Vec<_>>() }),
        (Kind::Update, None) => json!({}),
        _ => asked.params.clone(),
    }
}
