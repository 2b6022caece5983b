//! Kind `migrate`: a tenant's schema up or down to a version.

use std::{sync::Arc, time::Duration};

use domain::{Code, Direction, Migrate, TenantState, Version, codes};
use engine::{
    Classify, During, Finish, OnFailure, Plan, PlanError, Stage, Step, StepCx, StepError, StepName,
};
use serde::Serialize;
use store::{ErrorClass, StageLimits, items, tenants};
use tenantdb::{
    MigrationSet, Promise, grants,
    migrations::{self, Target},
};

use crate::migration_error::MigrationFailed;

/// A waiting `ALTER` blocks every reader behind it, so it waits no longer for a lock.
const LOCK_WAIT: Duration = Duration::from_secs(2);

/// Longest this process may be silent within a tenant's transaction: less than others wait for the
/// tenant.
const SILENCE: Duration = Duration::from_secs(6);

/// Longest time for one statement. All migrations of a tenant are one.
const STATEMENT_TIME: Duration = Duration::from_secs(300);

/// The states in which a tenant has a schema that can be migrated.
pub const STATES: &[TenantState] = &[TenantState::Active, TenantState::Suspended];

/// The plan of one stage: what a schema lacks is applied in one transaction, or not at all.
///
/// # Errors
/// Never: a test builds it.
pub(crate) fn plan(parts: &Arc<Migrating>) -> Result<Plan, PlanError> {
    let step = MigrateSchema { parts: Arc::clone(parts) };
    let stage = Stage::new("migrate").within(limits()).step(step);
    Ok(Plan::new(vec![stage], Finish::Succeeded)?.on_failure(OnFailure::Stay))
}

/// What migrating needs beside the item itself.
#[derive(Debug)]
pub struct Migrating {
    /// The set of migrations that schemas are brought to.
    pub migrations: Arc<MigrationSet>,
    /// What the set makes of an empty schema, to grant on it; `None`: nothing is applied.
    pub promise: Option<Arc<Promise>>,
}

impl Migrating {
    /// Migrates with this set.
    #[must_use]
    pub fn new(migrations: Arc<MigrationSet>, promise: Option<Arc<Promise>>) -> Self {
        Self { migrations, promise }
    }
}

/// How long a stage of a migration may wait and run.
#[must_use]
pub fn limits() -> StageLimits {
    StageLimits { statement: STATEMENT_TIME, lock: LOCK_WAIT, silence: SILENCE }
}

/// Brings the schema to the version asked for.
#[derive(Debug)]
struct MigrateSchema {
    parts: Arc<Migrating>,
}

/// What was done, as the item's result tells it.
#[derive(Debug, Serialize)]
struct Moved {
    from: Option<Version>,
    to: Option<Version>,
    applied: Vec<Version>,
    /// Those of the applied that are older than `from`: they came into the set later.
    out_of_order: Vec<Version>,
    reverted: Vec<Version>,
    /// Whether the role's search path was another one: of other extensions.
    path_changed: bool,
}

impl Moved {
    fn changed(&self) -> bool {
        self.path_changed || !(self.applied.is_empty() && self.reverted.is_empty())
    }
}

impl Step for MigrateSchema {
    const NAME: StepName = StepName::new("migrate_schema");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let claim = cx.claim();
        let asked: Migrate = serde_json::from_value(claim.params.clone())
            .map_err(Unreadable)
            .during("read what was asked")?;
        let state =
            tenants::state(cx.tx(), claim.tenant.id).await.during("read the tenant's state")?;
        if !state.is_some_and(|state| STATES.contains(&state)) {
            return Err(NotActive(state)).during("migrate the schema");
        }
        let moved = match asked.direction {
            Direction::Up => self.up(cx).await?,
            Direction::Down => self.down(cx, asked.to).await?,
        };
        record(cx, &moved).await.during("record what was done")
    }

    /// A plan that stays where it failed undoes nothing.
    async fn undo(&self, _: &mut StepCx<'_>) -> Result<(), StepError> {
        Ok(())
    }
}

impl MigrateSchema {
    async fn up(&self, cx: &mut StepCx<'_>) -> Result<Moved, StepError> {
        let (tenant, set) = (cx.tenant(), &self.parts.migrations);
        let done = migrations::apply(cx.tx(), tenant.id, &tenant.schema, set)
            .await
            .map_err(MigrationFailed::of_existing)
            .during("apply the tenant migrations")?;
        let promise = self.parts.promise.as_deref().filter(|_| !done.applied.is_empty());
        let path_changed =
            grants::complete(cx.tx(), &tenant.schema, &tenant.role, promise, set.path())
                .await
                .during("grant the role its rights on what is new")?;
        let (applied, out_of_order) = (done.applied, done.out_of_order);
        Ok(Moved {
            from: done.from,
            to: done.to,
            applied,
            out_of_order,
            reverted: Vec::new(),
            path_changed,
        })
    }

    async fn down(&self, cx: &mut StepCx<'_>, to: Option<String>) -> Result<Moved, StepError> {
        let (tenant, set) = (cx.tenant(), &self.parts.migrations);
        let Ok(target) = to.map(|to| to.parse::<Target>()).transpose();
        let done = migrations::revert(cx.tx(), tenant.id, &tenant.schema, set, target.as_ref())
            .await
            .map_err(MigrationFailed::of_existing)
            .during("take the tenant migrations back")?;
        let (applied, out_of_order) = (Vec::new(), Vec::new());
        let (reverted, path_changed) = (done.reverted, false);
        Ok(Moved { from: done.from, to: done.to, applied, out_of_order, reverted, path_changed })
    }
}

async fn record(cx: &mut StepCx<'_>, moved: &Moved) -> sqlx::Result<()> {
    let claim = cx.claim();
    let result = serde_json::to_value(moved).unwrap_or_default();
    if moved.changed() {
        items::set_change(cx.tx(), claim, &result, "tenant.migrated").await
    } else {
        items::set_result(cx.tx(), claim, &result).await
    }
}

/// The operation's parameters are of another release.
#[derive(Debug, thiserror::Error)]
#[error("the operation's parameters cannot be read")]
struct Unreadable(#[source] serde_json::Error);

impl Classify for Unreadable {
    fn class(&self) -> ErrorClass {
        ErrorClass::Permanent
    }
}

/// The tenant is in a state in which its schema stays as it is.
#[derive(Debug, thiserror::Error)]
#[error("the tenant is {}", .0.map_or("gone", TenantState::as_str))]
struct NotActive(Option<TenantState>);

impl Classify for NotActive {
    fn class(&self) -> ErrorClass {
        ErrorClass::Permanent
    }

    fn code(&self) -> Code {
        codes::TENANT_NOT_ACTIVE
    }

    fn public_message(&self) -> Option<String> {
        Some(self.to_string())
    }
}
