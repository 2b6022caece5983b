//! Tells of what came of an item: metrics and log.

use std::time::Instant;

use domain::{ItemId, ItemState, Kind, Mode, OperationId, TenantId};
use engine::{StageReport, Step};
use metrics::{counter, histogram};
use operations::{Ended, steps::TakeSpare};
use store::items::Claim;
use telemetry::names;
use tracing::{info, warn};

/// What an item is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct About {
    pub(crate) item: ItemId,
    pub(crate) operation: OperationId,
    pub(crate) mode: Mode,
    pub(crate) kind: Kind,
    pub(crate) tenant: TenantId,
    /// Whether its operation goes in waves.
    pub(crate) rollout: bool,
    started: Instant,
}

impl About {
    pub(crate) fn of(claim: &Claim, started: Instant) -> Self {
        let Claim { item, operation, mode, kind, .. } = *claim;
        let (tenant, rollout) = (claim.tenant.id, claim.wave.is_some());
        Self { item, operation, mode, kind, tenant, rollout, started }
    }
}

pub(crate) fn tell(about: &About, ended: &Ended) {
    let (item, tenant) = (about.item, about.tenant);
    match ended {
        Ended::Fenced => {
            counter!(names::FENCED_TOTAL).increment(1);
            warn!(item.id = %item, "item {item} was taken over by another worker, or had ended");
        }
        Ended::As(state, stages) => {
            note_stages(stages);
            // A built item ends with its operation.
            if *state != ItemState::Built {
                counter!(names::ITEMS_TOTAL, "outcome" => state.as_str()).increment(1);
            }
            let now = match (state, about.kind) {
                (ItemState::Succeeded, Kind::Provision) => "active",
                (ItemState::Succeeded, Kind::Import) => "imported",
                (ItemState::Succeeded, Kind::Release) => "released",
                (ItemState::Succeeded, Kind::Migrate) => "migrated",
                (ItemState::Built, _) => "built",
                _ => return,
            };
            let duration_ms = about.started.elapsed().as_millis() as u64;
            info!(item.id = %item, tenant.id = %tenant, duration_ms, "tenant {tenant} is {now}");
        }
        Ended::Again { code } => {
            counter!(names::RETRIES_TOTAL, "code" => code.as_str().to_owned()).increment(1);
        }
    }
}

fn note_stages(stages: &[StageReport]) {
    for stage in stages {
        histogram!(names::STAGE_SECONDS, "stage" => stage.stage.clone())
            .record(stage.took.as_secs_f64());
        for step in &stage.steps {
            histogram!(names::STEP_SECONDS, "step" => step.step.as_str())
                .record(step.took.as_secs_f64());
            if step.step == TakeSpare::NAME {
                counter!(names::POOL_TAKEN_TOTAL).increment(1);
            }
        }
    }
}
