//! The audit log, and the history of one tenant.

use chrono::{DateTime, Utc};
use domain::{ItemState, Kind, OperationId, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{FailedAttempt, ItemError, OpenEnum};

/// One change, or one look at a secret: who did what to which tenant or operation.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Its number in the log.
    pub id: i64,
    /// When it was recorded.
    pub at: DateTime<Utc>,
    /// `operator:<name>`, `worker:<id>`, `cli:<os user>` or `sweeper`.
    #[schema(example = "operator:ci")]
    pub actor: String,
    /// What was done, as `subject.verb`.
    #[schema(example = "operation.submitted")]
    pub action: String,
    /// The tenant it was done to.
    pub tenant_id: Option<TenantId>,
    /// The operation it was done to, or in.
    pub operation_id: Option<OperationId>,
    /// The operator's role at that moment.
    #[serde(default)]
    #[schema(example = "admin")]
    pub role: Option<String>,
    /// For whom the operator acted, as its `Tenantry-Actor` said.
    #[serde(default)]
    pub on_behalf_of: Option<String>,
    /// The `X-Request-Id` of the request.
    pub request_id: Option<String>,
    /// The address of the caller.
    pub address: Option<String>,
    /// What else the action says, as an object.
    #[schema(value_type = Object)]
    pub detail: Value,
    /// What of it names the customer, as an object; of a change under `before` and `after`. Null where nothing
    /// does, and once the tenant is erased.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub personal: Option<Value>,
}

/// Some of the audit log.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditPage {
    /// Newest first.
    pub entries: Vec<AuditEntry>,
    /// Where the next page starts; null on the last.
    pub next_cursor: Option<String>,
}

/// Some of a tenant's history.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HistoryPage {
    /// Newest first.
    pub entries: Vec<HistoryEntry>,
    /// Where the next page starts; null on the last.
    pub next_cursor: Option<String>,
}

/// Something that happened to a tenant. One field beside `at` is there, and says what it is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HistoryEntry {
    /// When: an operation was submitted, a try failed, a key was issued, an audit row was written.
    pub at: DateTime<Utc>,
    /// An operation on the tenant, and what became of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<HistoryOperation>,
    /// A try that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<HistoryAttempt>,
    /// An API key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<HistoryKey>,
    /// A row of the audit log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<AuditEntry>,
}

/// The tenant as an item of an operation.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HistoryOperation {
    /// The operation.
    pub operation_id: OperationId,
    /// What it does.
    #[schema(value_type = Kind)]
    pub kind: OpenEnum<Kind>,
    /// The item's place in the operation, from 0.
    pub index: u32,
    /// Where the item is on its way.
    #[schema(value_type = ItemState)]
    pub status: OpenEnum<ItemState>,
    /// The name of the token that submitted it; null for a command on the database.
    pub submitted_by: Option<String>,
    /// How often a worker took the item.
    pub attempts: i32,
    /// Why the item failed, or why its last try did.
    pub error: Option<ItemError>,
    /// When a worker first took the item.
    pub started_at: Option<DateTime<Utc>>,
    /// When the item ended.
    pub finished_at: Option<DateTime<Utc>>,
}

/// A try of one of the tenant's items that failed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HistoryAttempt {
    /// The operation.
    pub operation_id: OperationId,
    /// The item's place in the operation, from 0.
    pub index: u32,
    #[expect(missing_docs, reason = "its own fields stand here")]
    #[serde(flatten)]
    pub attempt: FailedAttempt,
}

/// An API key of the tenant, without its secret.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HistoryKey {
    /// The operation that issued it.
    pub operation_id: Option<OperationId>,
    /// What stands before its random part.
    #[schema(example = "tk_acme_")]
    pub prefix: String,
    /// Its last four characters.
    pub last4: String,
    /// Until when it is valid; null: until it is revoked.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
}
