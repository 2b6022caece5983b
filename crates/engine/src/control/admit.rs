//! Admits operations on tenants that are there.

use domain::{Direction, Kind, OperationId, Selector, TenantId};
use queue::Bell;
use serde_json::{Map, Value, json};
use sqlx::PgConnection;
use store::{
    Connections,
    audit::{self, By},
    items::Waiters,
    operations::{self, Asked, Selected},
    rollouts::PlannedWave,
    shared_migrations, tenants,
};

use super::{ControlError, births, rollout::move_on, wake::wake};

/// Tenants whose time is over that one operation is about, at most.
pub const DUE_AT_ONCE: i64 = 1_000;

/// Says which tenants the operation would be about; writes nothing.
pub async fn look(conn: &mut PgConnection, asked: &Asked<'_>) -> Result<Selected, ControlError> {
    Ok(operations::admit(conn, asked, None, false).await?)
}

/// Resumes the suspended tenants whose time is over. Several processes may do it at once: each tenant is
/// resumed by one of them.
pub async fn resume_due(pool: &Connections, by: By<'_>) -> Result<(), ControlError> {
    let mut tx = pool.begin().await?;
    let due = tenants::take_over_due(&mut tx, DUE_AT_ONCE).await?;
    let resumed = admit_due(&mut tx, by, Kind::Resume, &json!({}), &due).await?;
    tx.commit().await?;
    if resumed {
        queue::ring(pool, Bell::Jobs).await;
    }
    Ok(())
}

/// As [`admit`], for tenants whose time is over; false when there is none.
pub async fn admit_due(
    conn: &mut PgConnection,
    by: By<'_>,
    kind: Kind,
    params: &Value,
    due: &[TenantId],
) -> Result<bool, ControlError> {
    let asked = Asked {
        id: OperationId::mint(),
        kind,
        params,
        tenants: Some(due),
        inputs: None,
        selector: &Selector::default(),
        with_version: &[],
        but_at: None,
        run_at: None,
        rollout: None,
        created_by: None,
    };
    Ok(!due.is_empty() && admit(conn, by, &asked, None).await?)
}

/// Records the operation, its items and their jobs, in the caller's transaction; ring
/// [`queue::Bell::Jobs`] after the commit. False: there is no such tenant, and nothing was recorded;
/// [`super::nothing_to_migrate`] follows where it is a migration.
///
/// # Errors
/// [`ControlError::NeedsShared`] of a migration; [`ControlError::SelectionChanged`] when `digest` is given and is
/// not that of kind, params and tenants; when the database fails.
pub async fn admit(
    conn: &mut PgConnection,
    by: By<'_>,
    asked: &Asked<'_>,
    digest: Option<&str>,
) -> Result<bool, ControlError> {
    if asked.kind == Kind::Migrate {
        store::births::lock(conn).await?;
    }
    require_shared(conn, asked).await?;
    let selected = operations::admit(conn, asked, digest, true).await?;
    if !selected.admitted && selected.protected > 0 {
        return Err(ControlError::Protected(selected.protected));
    }
    if !selected.admitted {
        let changed = digest.is_some_and(|digest| digest != selected.digest);
        return if changed { Err(ControlError::SelectionChanged(selected)) } else { Ok(false) };
    }
    audit::append(conn, entry(by, asked, selected)).await?;
    births::plan(conn, by, asked).await?;
    if asked.run_at.is_none() {
        wake(conn, Waiters::Operation(asked.id)).await?;
        move_on(conn, by, asked.id).await?;
    }
    Ok(true)
}

/// Refuses a migration that needs shared migrations which are not applied: it would fail in every tenant.
async fn require_shared(conn: &mut PgConnection, asked: &Asked<'_>) -> Result<(), ControlError> {
    if asked.kind != Kind::Migrate || asked.params["direction"] != json!(Direction::Up) {
        return Ok(());
    }
    let set = asked.params["set"].as_str().unwrap_or_default();
    let lacking = shared_migrations::lacking(conn, set).await?;
    if lacking.is_empty() { Ok(()) } else { Err(ControlError::NeedsShared(lacking)) }
}

/// The audit row of what was asked.
fn entry<'a>(by: By<'a>, asked: &Asked<'_>, selected: Selected) -> audit::Entry<'a> {
    let (mut told, personal) = apart(asked.kind, asked.params);
    if let Some(patch) = asked.params["patch"].as_object() {
        // Of a change, what is changed; to what is personal.
        told.insert("fields".to_owned(), patch.keys().cloned().collect());
    }
    let selector = asked.tenants.is_none().then(|| asked.selector.told());
    let digest = (selector.is_some() || asked.rollout.is_some()).then_some(selected.digest);
    let mut detail = json!({
        "kind": asked.kind, "params": told, "total": selected.tenants,
        "selector": selector, "digest": digest, "run_at": asked.run_at,
    });
    if asked.rollout.is_some() {
        let wave = |it: &PlannedWave| json!({ "chosen": it.chosen, "tenants": it.tenants });
        detail["waves"] = selected.waves.iter().map(wave).collect();
    }
    let tenant = asked.tenants.and_then(|tenants| match tenants {
        [one] => Some(*one),
        _ => None,
    });
    // Of several tenants each has it in a row of its own, when a worker has changed it.
    let personal = match (tenant, personal.is_empty()) {
        (Some(_), false) => json!({ "params": personal }),
        _ => Value::Null,
    };
    let operation = Some(asked.id);
    audit::Entry { tenant, operation, detail, personal, ..by.did("operation.submitted") }
}

/// The parameters that say nothing of a customer, and the others.
fn apart(kind: Kind, params: &Value) -> (Map<String, Value>, Map<String, Value>) {
    let params = params.as_object().cloned().unwrap_or_default();
    params.into_iter().partition(|(name, _)| kind.impersonal_params().contains(&name.as_str()))
}
