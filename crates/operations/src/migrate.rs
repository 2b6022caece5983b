//! Kind `migrate`: a tenant's schema up or down to a version.

use std::{sync::Arc, time::Duration};

use domain::{Code, Direction, Migrate, TenantState, Version, codes};
use engine::{
    Classify, During, Finish, OnFailure, Plan, PlanError, Stage, Step, StepCx, StepError, StepName,
};
use serde::{Deserialize, Serialize};
use store::{ErrorClass, StageLimits, items, tenants};
use tenantdb::{
    MigrationSet, Promise, grants, ledger,
    migrations::{self, Target},
};

use crate::{migration_error::MigrationFailed, segments};

/// A waiting `ALTER` blocks every reader behind it, so it waits no longer for a lock.
const LOCK_WAIT: Duration = Duration::from_secs(2);

/// Longest this process may be silent within a tenant's transaction: less than others wait for the
/// tenant.
const SILENCE: Duration = Duration::from_secs(6);

/// Longest time for one statement. All migrations of a tenant are one.
const STATEMENT_TIME: Duration = Duration::from_secs(300);

/// The plan of one way. A set without boundaries has one stage: what a schema lacks is applied in one
/// transaction, or not at all. Another one has stages for each of its segments, and a last one.
///
/// # Errors
/// Never, as long as the steps' names differ: a test builds the plans.
pub(crate) fn plan(parts: &Arc<Migrating>, direction: Direction) -> Result<Plan, PlanError> {
    let one = || Arc::clone(parts);
    let stages = match segments::several(parts, direction) {
        None => vec![Stage::new("migrate").within(limits()).step(MigrateSchema { parts: one() })],
        Some(mut stages) => {
            stages.push(Stage::new("finish").within(limits()).step(Finished { parts: one() }));
            stages
        }
    };
    Ok(Plan::new(stages, Finish::Succeeded)?.on_failure(OnFailure::Stay))
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
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Moved {
    pub(crate) from: Option<Version>,
    pub(crate) to: Option<Version>,
    pub(crate) applied: Vec<Version>,
    /// Those of the applied that are older than `from`: they came into the set later.
    pub(crate) out_of_order: Vec<Version>,
    pub(crate) reverted: Vec<Version>,
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
        let asked = asked(cx)?;
        check_state(cx).await?;
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
        let path_changed = follow_up(&self.parts, cx, !done.applied.is_empty()).await?;
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

/// Ends a migration of several stages: rights on what is new, the search path, the audit row.
#[derive(Debug)]
struct Finished {
    parts: Arc<Migrating>,
}

impl Step for Finished {
    const NAME: StepName = StepName::new("finish_migration");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let claim = cx.claim();
        let up = asked(cx)?.direction == Direction::Up;
        check_state(cx).await?;
        let mut moved = moved(cx).await?;
        if up {
            moved.path_changed = follow_up(&self.parts, cx, !moved.applied.is_empty()).await?;
        }
        let read =
            ledger::read(cx.tx(), &[claim.tenant.id]).await.during("read what is applied")?;
        moved.to = read.into_iter().flatten().next().and_then(|entry| entry.version);
        if moved.from.is_none() && moved.applied.is_empty() && moved.reverted.is_empty() {
            moved.from.clone_from(&moved.to);
        }
        record(cx, &moved).await.during("record what was done")
    }

    /// A plan that stays where it failed undoes nothing.
    async fn undo(&self, _: &mut StepCx<'_>) -> Result<(), StepError> {
        Ok(())
    }
}

/// Rights on what is `new`, and the role's search path; says whether that was another one.
async fn follow_up(parts: &Migrating, cx: &mut StepCx<'_>, new: bool) -> Result<bool, StepError> {
    let tenant = cx.tenant();
    let promise = parts.promise.as_deref().filter(|_| new);
    let path = parts.migrations.path();
    grants::complete(cx.tx(), &tenant.schema, &tenant.role, promise, path)
        .await
        .during("grant the role its rights on what is new")
}

/// What the operation asks for.
pub(crate) fn asked(cx: &StepCx<'_>) -> Result<Migrate, StepError> {
    serde_json::from_value(cx.claim().params.clone())
        .map_err(Unreadable)
        .during("read what was asked")
}

/// Refuses a tenant in a state in which its schema stays as it is.
pub(crate) async fn check_state(cx: &mut StepCx<'_>) -> Result<(), StepError> {
    let tenant = cx.tenant().id;
    let state = tenants::state(cx.tx(), tenant).await.during("read the tenant's state")?;
    let states = cx.claim().kind.states();
    match state.is_some_and(|state| states.contains(&state)) {
        true => Ok(()),
        false => Err(NotActive(state)).during("migrate the schema"),
    }
}

/// What earlier stages of the item did.
pub(crate) async fn moved(cx: &mut StepCx<'_>) -> Result<Moved, StepError> {
    let claim = cx.claim();
    let result = items::result(cx.tx(), claim.item).await.during("read what was done")?;
    Ok(result.and_then(|result| serde_json::from_value(result).ok()).unwrap_or_default())
}

/// Notes what the stages of the item did so far.
pub(crate) async fn note(cx: &mut StepCx<'_>, moved: &Moved) -> sqlx::Result<()> {
    let claim = cx.claim();
    items::set_result(cx.tx(), claim, &serde_json::to_value(moved).unwrap_or_default()).await
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
