//! The stages that take a tenant through the segments of its set of migrations, forward or back.
//!
//! A segment that runs outside of any transaction has two stages: one that runs it, and may run it again
//! after a crash, and one that writes its row in the ledger.

use std::{sync::Arc, time::Duration};

use domain::{Direction, Version, codes};
use engine::{During, Place, Stage, Step, StepCx, StepError, StepName};
use tenantdb::{
    MigrationSet, ledger,
    migrations::{self, MigrateError, Moved, Segment, StatementLimits, Target},
};

use crate::{
    migrate::{self, limits},
    migration_error::MigrationFailed,
    needs_shared,
    refusal::Refusal,
};

/// Longest time for what runs outside of a transaction, such as an index of a large table.
pub(crate) const OUTSIDE: Duration = Duration::from_secs(6 * 3600);

/// The stages of one way where the set has boundaries on it; `None`: one transaction takes a tenant through.
pub(crate) fn several(set: &Arc<MigrationSet>, direction: Direction) -> Option<Vec<Stage>> {
    let back = direction == Direction::Down;
    let all = segments(set, back);
    let is_one = all.len() <= 1 && all.iter().all(Segment::is_in_transaction);
    (!is_one).then(|| stages(set, back))
}

/// The stages of the way forward through all segments, or of the way back to the beginning.
pub(crate) fn stages(set: &Arc<MigrationSet>, back: bool) -> Vec<Stage> {
    let count = segments(set, back).len();
    (0..count).flat_map(|number| stages_of(&One { set: Arc::clone(set), back, number })).collect()
}

fn segments(set: &MigrationSet, back: bool) -> Vec<Segment<'_>> {
    match back {
        false => set.segments(),
        // Every set has a beginning.
        true => set.segments_back(&Target::Start).unwrap_or_default(),
    }
}

fn stages_of(one: &One) -> Vec<Stage> {
    let way = if one.back { "down" } else { "up" };
    let name = format!("{way}_{}", one.number);
    let recorded = format!("{name}_recorded");
    match one.segment().is_some_and(|segment| segment.is_in_transaction()) {
        true => vec![Stage::new(name).within(limits()).step(RunSegment(one.clone()))],
        false => vec![
            Stage::new(name).at(Place::Outside(OUTSIDE)).step(RunOutside(one.clone())),
            Stage::new(recorded).within(limits()).step(RecordSegment(one.clone())),
        ],
    }
}

/// One segment of the set.
#[derive(Debug, Clone)]
struct One {
    set: Arc<MigrationSet>,
    back: bool,
    number: usize,
}

impl One {
    fn segment(&self) -> Option<Segment<'_>> {
        segments(&self.set, self.back).into_iter().nth(self.number)
    }

    /// The segment as far as the operation goes: on the way back, without what its target keeps. `None`:
    /// nothing of it is left.
    fn asked(&self, cx: &StepCx<'_>) -> Result<Option<Segment<'_>>, StepError> {
        let Some(segment) = self.segment().filter(|_| self.back) else { return Ok(self.segment()) };
        const ACT: &str = "read how far to go back";
        let missing = || {
            // Which version is the newest changes on the way.
            let why = "say which version to go back to: migrations of this set run outside of a transaction";
            Refusal::told(codes::MIGRATION_FAILED, why)
        };
        let to = migrate::asked(cx.claim())?.to.ok_or_else(missing).during(ACT)?;
        let Ok(target) = to.parse::<Target>();
        let asked = segment.newer_than(&target, &self.set);
        asked.map_err(MigrationFailed::of_existing).during(ACT)
    }

    /// What of the segment the tenant lacks, or has on the way back; `None`: nothing.
    async fn outstanding(&self, cx: &mut StepCx<'_>) -> Result<Option<Segment<'_>>, StepError> {
        let Some(segment) = self.asked(cx)? else { return Ok(None) };
        let (tenant, set) = (cx.tenant(), &self.set);
        let left = migrations::outstanding(cx.tx(), tenant.id, &tenant.schema, set, &segment).await;
        let left = left.map_err(failed(cx)).during("read what is applied")?;
        if !self.back && !left.is_empty() {
            needs_shared::check(cx.tx(), set).await?;
        }
        Ok((!left.is_empty()).then_some(segment))
    }

    /// Adds what a stage did to the item's result.
    fn note(&self, cx: &mut StepCx<'_>, had: Option<Version>, ran: Vec<Version>) {
        if cx.claim().kind.makes_tenants() {
            return;
        }
        let set = &self.set;
        let mut moved: Moved = cx.noted().unwrap_or_default();
        if moved.applied.is_empty() && moved.reverted.is_empty() {
            moved.from = had;
        }
        let place = moved.from.as_ref().and_then(|from| set.place(from));
        let late = ran.iter().filter(|version| !self.back && set.place(version) < place).cloned();
        moved.out_of_order.extend(late);
        if self.back { &mut moved.reverted } else { &mut moved.applied }.extend(ran);
        cx.note(&moved, None);
    }
}

/// Runs a segment in the stage's transaction.
#[derive(Debug)]
struct RunSegment(One);

/// Runs a segment in a session of its own.
#[derive(Debug)]
struct RunOutside(One);

/// Writes the ledger's row of a segment that ran in a session of its own.
#[derive(Debug)]
struct RecordSegment(One);

impl Step for RunSegment {
    const NAME: StepName = StepName::new("run_segment");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let Some(segment) = self.0.outstanding(cx).await? else { return Ok(()) };
        let (tenant, set) = (cx.tenant(), &self.0.set);
        let had = version(cx).await?;
        let ran = migrations::run_segment(cx.tx(), tenant.id, &tenant.schema, set, &segment).await;
        let ran = ran.map_err(failed(cx)).during("run the tenant migrations")?;
        self.0.note(cx, had, ran);
        Ok(())
    }

    /// The schema goes with what is in it.
    async fn undo(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let tenant = cx.tenant().id;
        ledger::forget(cx.tx(), tenant).await.during("forget its migrations")
    }
}

impl Step for RunOutside {
    const NAME: StepName = StepName::new("run_outside");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let Some(segment) = self.0.outstanding(cx).await? else { return Ok(()) };
        let (tenant, set) = (cx.tenant(), &self.0.set);
        let session = cx.open_session().await.during("open a session")?;
        let limits = StatementLimits { statement: OUTSIDE, lock: limits().lock };
        migrations::run_no_transaction(session, &tenant.schema, set, &segment, limits)
            .await
            .map_err(failed(cx))
            .during("run the tenant migrations")
    }

    /// The schema goes with what is in it.
    async fn undo(&self, _: &mut StepCx<'_>) -> Result<(), StepError> {
        Ok(())
    }
}

impl Step for RecordSegment {
    const NAME: StepName = StepName::new("record_segment");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let Some(segment) = self.0.outstanding(cx).await? else { return Ok(()) };
        let (tenant, set) = (cx.tenant(), &self.0.set);
        let had = version(cx).await?;
        let ran =
            migrations::record_segment(cx.tx(), tenant.id, &tenant.schema, set, &segment).await;
        let ran = ran.map_err(failed(cx)).during("record the tenant migrations")?;
        self.0.note(cx, had, ran);
        Ok(())
    }

    async fn undo(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let tenant = cx.tenant().id;
        ledger::forget(cx.tx(), tenant).await.during("forget its migrations")
    }
}

fn failed(cx: &StepCx<'_>) -> fn(MigrateError) -> MigrationFailed {
    match cx.claim().kind.makes_tenants() {
        true => MigrationFailed::of_new,
        false => MigrationFailed::of_existing,
    }
}

/// The version that the tenant has reached.
pub(crate) async fn version(cx: &mut StepCx<'_>) -> Result<Option<Version>, StepError> {
    let tenant = cx.tenant().id;
    let read = ledger::read(cx.tx(), &[tenant]).await.during("read what is applied")?;
    Ok(read.into_iter().flatten().next().and_then(|entry| entry.version))
}
