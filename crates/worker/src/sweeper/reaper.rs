//! Has tenants dropped whose grace is over, so many a minute, and gives up names that were kept long enough.

use domain::{Kind, TenantId};
use engine::control;
use queue::Bell;
use serde_json::json;
use settings::{Deletion, Reaper};
use sqlx::{Connection as _, PgConnection};
use store::{
    Connections,
    audit::{self, By},
    tenants,
};
use tenantdb::removal;
use tracing::info;

use super::SweepError;

/// Tenants that a dry run names, and tenants whose names are given up in one round, at most.
const AT_ONCE: i64 = 100;

const ACTOR: &str = "reaper";

/// Submits an operation for the tenants whose grace is over, and one for those of them that are large. Several
/// processes may do it at once: each tenant is taken by one of them.
pub(super) async fn reap(pool: &Connections, rules: Deletion) -> Result<(), SweepError> {
    if rules.reaper != Reaper::On {
        return Ok(());
    }
    let mut tx = pool.begin().await?;
    let rate = (rules.purges_per_minute > 0).then_some(i64::from(rules.purges_per_minute));
    let due = tenants::take_due(&mut tx, control::DUE_AT_ONCE, rate).await?;
    if due.is_empty() {
        return Ok(());
    }
    let (large, small) = by_size(&mut tx, due).await?;
    let by = By::process(ACTOR);
    for (due, params) in [(&small, json!({})), (&large, json!({ "large": true }))] {
        control::admit_due(&mut tx, by, Kind::Purge, &params, due).await?;
    }
    tx.commit().await?;
    queue::ring(pool, Bell::Jobs).await;
    let count = small.len() + large.len();
    info!(tenants = count, "the grace of {count} deleted tenants is over: they are being dropped");
    Ok(())
}

/// Those whose schemas are emptied in portions, and the others.
async fn by_size(
    conn: &mut PgConnection,
    due: Vec<TenantId>,
) -> Result<(Vec<TenantId>, Vec<TenantId>), SweepError> {
    let schemas = tenants::schemas(conn, &due).await?;
    let sizes = removal::sizes(conn, &schemas).await?;
    let is_large = |place: usize| sizes.get(place).is_some_and(|size| *size > removal::AT_ONCE);
    let (large, small): (Vec<_>, Vec<_>) =
        due.into_iter().enumerate().partition(|(place, _)| is_large(*place));
    let ids = |of: Vec<(usize, TenantId)>| of.into_iter().map(|(_, id)| id).collect();
    Ok((ids(large), ids(small)))
}

/// Has drops tried again that ran out of tries for a reason that passes, such as somebody's long transaction.
pub(super) async fn try_again(pool: &Connections) -> Result<(), SweepError> {
    let tired = tenants::tired_purges(&mut *pool.acquire().await?).await?;
    for (operation, index) in tired {
        match control::again(pool, By::process(ACTOR), operation, index, control::Again::GoOn).await
        {
            // Somebody was quicker.
            Ok(()) | Err(control::ControlError::NotStuck(..)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Says which tenants would be dropped.
pub(super) async fn tell(conn: &mut PgConnection) -> Result<(), SweepError> {
    let due = tenants::due(conn, AT_ONCE).await?;
    if !due.is_empty() {
        let ids: Vec<String> = due.iter().map(ToString::to_string).collect();
        info!(
            "dry run: the grace of these deleted tenants is over, and `deletion.reaper = \"on\"` would \
             drop them: {}",
            ids.join(", ")
        );
    }
    Ok(())
}

/// Gives up the names of deleted tenants that were kept long enough.
pub(super) async fn free_names(conn: &mut PgConnection) -> Result<(), SweepError> {
    let mut tx = conn.begin().await?;
    let freed = tenants::free_names(&mut tx, AT_ONCE).await?;
    if !freed.is_empty() {
        let entry = By::process(ACTOR).did("tenant.names_freed");
        audit::append_for_tenants(&mut tx, entry, &freed).await?;
    }
    tx.commit().await?;
    Ok(())
}
