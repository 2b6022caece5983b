//! A rollout: an operation that goes through its tenants in waves.

use chrono::{DateTime, Utc};
use domain::{HaltRules, OperationId, OperationState, PauseReason, Rollout as Plan, WaveState};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::OpenEnum;

/// How an operation is to be carried out.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OperationPolicy {
    /// In waves; `{}`: 1 tenant, 1 %, 10 %, and the rest. Of kind `migrate` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollout: Option<Plan>,
}

/// A wave as it would be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PlannedWave {
    /// Its number, from 1.
    pub wave: u16,
    /// How many tenants it has.
    pub tenants: u64,
    /// How they are chosen: `selector`, `percent`, `count`, how many `ids`, or the `rest`.
    pub chosen: Value,
    /// The first 5, in the order in which they are taken.
    pub sample: Vec<crate::SampledTenant>,
}

/// A rollout and where it is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Rollout {
    /// The operation.
    pub operation_id: OperationId,
    /// Where the operation is on its way.
    #[schema(value_type = OperationState)]
    pub state: OpenEnum<OperationState>,
    /// What the migration is: `direction`, `set` and `to`.
    pub params: Value,
    /// The wave in work, from 1; 0: none has begun.
    pub wave: u16,
    /// Why nothing of it is begun; a person's pause (`user`) stands beside its own reasons.
    #[schema(value_type = Vec<PauseReason>)]
    pub pause_reasons: Vec<OpenEnum<PauseReason>>,
    /// Whether it passes over gates and bake times.
    pub promote_all: bool,
    /// Its tenants.
    pub total: u64,
    /// When it was submitted.
    pub created_at: DateTime<Utc>,
    /// When its last tenant ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Its waves, in order.
    pub waves: Vec<Wave>,
    /// What failed, one entry for each code and step, 20 at most.
    #[serde(default)]
    pub failures: Vec<RolloutFailure>,
}

/// Tenants of a rollout that failed in the same way.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RolloutFailure {
    /// Why they failed: stable name.
    #[schema(example = "migration_failed")]
    pub code: String,
    /// The step in which they failed.
    pub step: Option<String>,
    /// How many they are.
    pub tenants: u64,
    /// What one of them was told.
    pub message: Option<String>,
    /// The index of the first of them.
    pub first: u32,
}

/// A wave of a rollout, and what became of its tenants.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Wave {
    /// Its number, from 1.
    pub wave: u16,
    /// Where it is on its way.
    #[schema(value_type = WaveState)]
    pub state: OpenEnum<WaveState>,
    /// How its tenants were chosen.
    pub chosen: Value,
    /// So many are in work at once, at most; null: no limit.
    pub parallel: Option<u32>,
    /// When it halts; null: no failure stops it.
    pub halt: Option<HaltRules>,
    /// How long nothing follows when it is over, in seconds.
    pub bake_secs: u32,
    /// Whether a person lets the next one begin.
    pub gated: bool,
    /// When it began.
    pub began_at: Option<DateTime<Utc>>,
    /// When its last tenant ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// When its bake time is over.
    pub bake_until: Option<DateTime<Utc>>,
    /// Its tenants.
    pub total: u64,
    /// Tenants that were not begun.
    pub waiting: u64,
    /// Tenants in work.
    pub running: u64,
    /// Tenants that are where they are to be.
    pub succeeded: u64,
    /// Tenants that failed and are as they were.
    pub failed: u64,
    /// Tenants that an operator left out.
    pub skipped: u64,
    /// Tenants that were not begun when the operation was cancelled.
    pub cancelled: u64,
}

/// Some of the rollouts.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RolloutPage {
    /// Newest first.
    pub rollouts: Vec<RolloutSummary>,
    /// Where the next page starts; null on the last.
    pub next_cursor: Option<String>,
}

/// A rollout of a list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RolloutSummary {
    /// The operation.
    pub operation_id: OperationId,
    /// Where the operation is on its way.
    #[schema(value_type = OperationState)]
    pub state: OpenEnum<OperationState>,
    /// The wave in work, from 1; 0: none has begun.
    pub wave: u16,
    /// How many waves it has.
    pub waves: u16,
    /// Why nothing of it is begun.
    #[schema(value_type = Vec<PauseReason>)]
    pub pause_reasons: Vec<OpenEnum<PauseReason>>,
    /// Its tenants.
    pub total: u64,
    /// When it was submitted.
    pub created_at: DateTime<Utc>,
    /// When its last tenant ended.
    pub finished_at: Option<DateTime<Utc>>,
}

/// What of a rollout is promoted; without a body its present wave.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Promotion {
    /// No gate and no bake time stops it from now on.
    #[serde(default)]
    pub all: bool,
}

/// Why a tenant is left out.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Skip {
    /// Why: 1 to 1000 characters.
    #[schema(
        min_length = 1,
        max_length = 1000,
        pattern = r"^[^\x00-\x20\x7f-\x9f][^\x00-\x09\x0b-\x1f\x7f-\x9f]*$",
        example = "its owner migrates on Sunday"
    )]
    pub reason: String,
}
