//! Kind `migrate`: a tenant's schema up or down to a version.

use std::{sync::Arc, time::Duration};

use domain::{Direction, Migrate, codes};
use engine::{
    During, Finish, GroupCx, OnFailure, Plan, PlanError, Stage, Step, StepCx, StepError, StepName,
};
use serde::Deserialize as _;
use sqlx::PgConnection;
use store::{StageLimits, items::Claim};
use tenantdb::{
    MigrationSet, Promise,
    grants::{self, Due},
    migrations::{self, Moved, Target},
};

use crate::{Making, migration_error::MigrationFailed, needs_shared, refusal::Refusal, segments};

/// A waiting `ALTER` blocks every reader behind it, so it waits no longer for a lock.
const LOCK_WAIT: Duration = Duration::from_secs(2);

/// Longest this process may be silent within a tenant's transaction: less than others wait for the
/// tenant.
const SILENCE: Duration = Duration::from_secs(6);

/// Longest time for one statement. All migrations of a tenant are one.
const STATEMENT_TIME: Duration = Duration::from_secs(300);

/// Longest time for one message that migrates several tenants, and longest wait for a lock then: each holds
/// up the users of the others' tenants.
const TOGETHER: Duration = Duration::from_secs(1);
const LOCK_WAIT_TOGETHER: Duration = Duration::from_millis(100);

/// The plan of one way. A set without boundaries has one stage: what a schema lacks is applied in one
/// transaction, or not at all. Another one has stages for each of its segments, and a last one.
///
/// # Errors
/// Never, as long as the steps' names differ: a test builds the plans.
pub(crate) fn plan(parts: &Arc<Migrating>, direction: Direction) -> Result<Plan, PlanError> {
    let one = || Arc::clone(parts);
    let stages = match segments::several(&parts.migrations, direction) {
        None => {
            let together =
                StageLimits { statement: TOGETHER, lock: LOCK_WAIT_TOGETHER, silence: LOCK_WAIT };
            let stage = Stage::new("migrate").within(limits()).together_within(together);
            vec![stage.step(MigrateSchema { parts: one() })]
        }
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
    /// What a migration of several tenants gives way to.
    pub making: Making,
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

/// What the audit log says was done; `None`: nothing.
fn action(moved: &Moved) -> Option<&'static str> {
    let is_changed = moved.path_changed || !(moved.applied.is_empty() && moved.reverted.is_empty());
    is_changed.then_some("tenant.migrated")
}

impl Step for MigrateSchema {
    const NAME: StepName = StepName::new("migrate_schema");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let asked = asked(cx.claim())?;
        let moved = match asked.direction {
            Direction::Up => self.up(std::slice::from_ref(cx.claim()), cx.tx()).await?.remove(0),
            Direction::Down => self.down(cx, asked.to).await?,
        };
        cx.note(&moved, action(&moved));
        Ok(())
    }

    async fn apply_all(&self, cx: &mut GroupCx<'_>) -> Result<(), StepError> {
        let claims = cx.claims();
        // The files of a set that was never applied may end the transaction that all tenants share.
        if asked(&claims[0])?.direction == Direction::Down || self.parts.promise.is_none() {
            return cx.one_by_one(self).await;
        }
        for (at, moved) in self.up(claims, cx.tx()).await?.iter().enumerate() {
            cx.note(at, moved, action(moved));
        }
        Ok(())
    }

    /// A plan that stays where it failed undoes nothing.
    async fn undo(&self, _: &mut StepCx<'_>) -> Result<(), StepError> {
        Ok(())
    }
}

impl MigrateSchema {
    async fn up(&self, claims: &[Claim], tx: &mut PgConnection) -> Result<Vec<Moved>, StepError> {
        let set = &self.parts.migrations;
        needs_shared::check(tx, set).await?;
        let tenants: Vec<_> = claims.iter().map(|it| (it.tenant.id, &it.tenant.schema)).collect();
        let moved = match tenants[..] {
            [(tenant, schema)] => {
                migrations::apply(tx, tenant, schema, set).await.map(|moved| vec![moved])
            }
            _ => {
                let making = &self.parts.making;
                migrations::apply_together(tx, &tenants, set, || making.give_way()).await
            }
        };
        let moved = moved.map_err(MigrationFailed::of_existing);
        let mut moved = moved.during("apply the tenant migrations")?;
        let is_new: Vec<bool> = moved.iter().map(|moved| !moved.applied.is_empty()).collect();
        let path_changed = follow_up(&self.parts, claims, tx, &is_new).await?;
        for (moved, path_changed) in moved.iter_mut().zip(path_changed) {
            moved.path_changed = path_changed;
        }
        Ok(moved)
    }

    async fn down(&self, cx: &mut StepCx<'_>, to: Option<String>) -> Result<Moved, StepError> {
        let (tenant, set) = (cx.tenant(), &self.parts.migrations);
        let Ok(target) = to.map(|to| to.parse::<Target>()).transpose();
        migrations::revert(cx.tx(), tenant.id, &tenant.schema, set, target.as_ref())
            .await
            .map_err(MigrationFailed::of_existing)
            .during("take the tenant migrations back")
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
        let up = asked(claim)?.direction == Direction::Up;
        let mut moved: Moved = cx.noted().unwrap_or_default();
        if up {
            let (claims, is_new) = (std::slice::from_ref(claim), [!moved.applied.is_empty()]);
            moved.path_changed = follow_up(&self.parts, claims, cx.tx(), &is_new).await?[0];
        }
        moved.to = segments::version(cx).await?;
        if moved.from.is_none() && moved.applied.is_empty() && moved.reverted.is_empty() {
            moved.from.clone_from(&moved.to);
        }
        cx.note(&moved, action(&moved));
        Ok(())
    }

    /// A plan that stays where it failed undoes nothing.
    async fn undo(&self, _: &mut StepCx<'_>) -> Result<(), StepError> {
        Ok(())
    }
}

/// Rights where something `is_new`, and each role's search path; says whether that was another one.
async fn follow_up(
    parts: &Migrating,
    claims: &[Claim],
    tx: &mut PgConnection,
    is_new: &[bool],
) -> Result<Vec<bool>, StepError> {
    let mut due = Vec::with_capacity(claims.len());
    for (Claim { tenant, .. }, is_new) in claims.iter().zip(is_new) {
        let promise = parts.promise.as_deref().filter(|_| *is_new);
        due.push(Due { schema: &tenant.schema, role: &tenant.role, promise });
    }
    grants::complete(tx, &due, parts.migrations.path())
        .await
        .during("grant the role its rights on what is new")
}

/// What the operation asks for.
pub(crate) fn asked(claim: &Claim) -> Result<Migrate, StepError> {
    let unreadable =
        |error: serde_json::Error| format!("the operation's parameters cannot be read: {error}");
    Migrate::deserialize(&claim.params)
        .map_err(|error| Refusal::permanent(codes::INTERNAL, unreadable(error)))
        .during("read what was asked")
}
