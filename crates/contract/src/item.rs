//! What became of the items of an operation.

use chrono::{DateTime, Utc};
use domain::{ItemState, Kind, OperationId, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{OpenEnum, WaitingFor};

/// What became of one item.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ItemResult {
    /// Its place in the request, from 0.
    pub index: u32,
    /// Its name as asked for.
    pub tenant_name: Option<String>,
    /// Where it is on its way.
    #[schema(value_type = ItemState)]
    pub status: OpenEnum<ItemState>,
    /// The tenant, if names were reserved for it.
    pub tenant_id: Option<TenantId>,
    /// Its schema.
    pub schema_name: Option<String>,
    /// Its domain.
    pub domain: Option<String>,
    /// How often a worker took it.
    pub attempts: i32,
    /// Why it failed, or why its last try did.
    pub error: Option<ItemError>,
    /// The steps that took effect, in the order they ran.
    pub steps: Vec<Step>,
    /// What it came to, as its kind says: of `migrate` the versions before and after. A kind that
    /// says nothing has no such field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
}

/// Why an item failed, or its last try did.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = ItemErrorView)]
pub struct ItemError {
    /// Stable name of what went wrong.
    #[schema(example = "domain_taken")]
    pub code: String,
    /// What happened, for people.
    pub message: String,
    /// The step it happened in; null when none had begun.
    pub step: Option<String>,
    /// Whether trying again without a change may help.
    pub retryable: bool,
}

/// One step of a committed stage.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Step {
    /// The step's name.
    #[schema(example = "create_schema")]
    pub name: String,
    /// `done`, or `undone` when it was taken back.
    pub state: String,
    /// How long it took, in milliseconds.
    pub duration_ms: f64,
}

/// Some of an operation's items. A page of a batch's is read as one too.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ItemPage {
    /// By index.
    #[serde(alias = "results")]
    pub items: Vec<ItemResult>,
    /// Where the next page starts; null on the last.
    pub next_cursor: Option<String>,
}

/// Some of a batch's items.
#[derive(Serialize, ToSchema)]
pub struct ResultPage {
    /// By index.
    pub results: Vec<ItemResult>,
    /// Where the next page starts; null on the last.
    pub next_cursor: Option<String>,
}

impl From<ItemPage> for ResultPage {
    fn from(ItemPage { items: results, next_cursor }: ItemPage) -> Self {
        Self { results, next_cursor }
    }
}

/// One item and its whole story.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Item {
    /// Its operation.
    pub operation_id: OperationId,
    /// What the operation does.
    #[schema(value_type = Kind)]
    pub kind: OpenEnum<Kind>,
    #[expect(missing_docs, reason = "its own fields stand here")]
    #[serde(flatten)]
    pub item: ItemResult,
    /// When it was recorded.
    pub created_at: DateTime<Utc>,
    /// When a worker first took it.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// When it is tried next, if that is known.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// What it waits for; null when it is in work or over.
    pub waiting_for: Option<WaitingFor>,
    /// The item that comes before it at its tenant, if one does.
    pub held_by: Option<HeldBy>,
    /// The tries that failed, oldest first.
    pub failed_attempts: Vec<FailedAttempt>,
}

/// An item that works on a tenant, or waits for it before another one.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HeldBy {
    /// Its operation.
    pub operation_id: OperationId,
    /// What that operation does.
    #[schema(value_type = Kind)]
    pub kind: OpenEnum<Kind>,
    /// Its place in the operation, from 0.
    pub index: u32,
    /// Where it is on its way.
    #[schema(value_type = ItemState)]
    pub status: OpenEnum<ItemState>,
}

/// A try that failed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FailedAttempt {
    /// Which claim of the item it was, from 1.
    pub attempt: i32,
    /// The worker that tried.
    pub worker: String,
    /// The stage that failed.
    pub stage: String,
    /// The step that failed, if one did.
    pub step: Option<String>,
    /// Whether it was a try to undo.
    pub undo: bool,
    /// Stable name of what went wrong.
    pub code: String,
    /// What happened, for people.
    pub message: String,
    /// When the worker took the item.
    pub started_at: DateTime<Utc>,
    /// When the try failed.
    pub failed_at: DateTime<Utc>,
}

/// What was done about a tenant by hand.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Resolution {
    /// What was done, for those who read the audit log: 1 to 1000 characters.
    #[schema(
        min_length = 1,
        max_length = 1000,
        pattern = r"^[^\x00-\x20\x7f-\x9f][^\x00-\x09\x0b-\x1f\x7f-\x9f]*$",
        example = "dropped schema and role by hand, ticket 4711"
    )]
    pub note: String,
}

/// Which failed tenants run again; without it all of them.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FailureGroup {
    /// Only those with this error code.
    #[schema(min_length = 1, pattern = r"^[^\x00]+$", example = "migration_failed")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Only those that failed in this step.
    #[schema(min_length = 1, pattern = r"^[^\x00]+$", example = "apply_migrations")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
}
