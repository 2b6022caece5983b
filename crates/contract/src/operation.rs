//! An operation of any kind: how it is asked for, how far it is, and what it would be about.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{Direction, Kind, Mode, OperationId, OperationState, Selector, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
#[cfg(feature = "openapi")]
use utoipa::ToSchema;

use crate::{BatchError, BatchProgress, OpenEnum, WaitingFor};

/// What is to be done with tenants that are there: those of `tenants`, or those that `selector` fits.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[serde(deny_unknown_fields)]
pub struct OperationRequest {
    /// What is to be done: `migrate`.
    pub kind: String,
    /// These tenants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenants: Option<Vec<TenantId>>,
    /// The tenants that all of it fits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<Selector>,
    /// What the kind has to know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub params: Option<MigrateParams>,
    /// When to start (RFC 3339), within 30 days; left out, at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_at: Option<String>,
    /// Only say which tenants it would be about.
    #[serde(default)]
    pub dry_run: bool,
    /// The digest that the dry run answered: other tenants are refused. With `selector` it must be there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// What `migrate` has to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MigrateParams {
    /// Which way.
    pub direction: Direction,
    /// The hash of the set of migrations; left out, the set that the workers have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<String>,
    /// Of a way down: the version to go back to, which stays; `none`: before the first. Left out, the newest
    /// migration is taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// The tenants that an operation would be about.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Selection {
    /// How many they are.
    pub tenants: u64,
    /// Names exactly these tenants: another selection has another digest.
    pub digest: String,
    /// The first 20, by id.
    pub sample: Vec<SampledTenant>,
}

/// A tenant of a selection.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct SampledTenant {
    /// Its id.
    pub tenant_id: TenantId,
    /// Its name.
    pub tenant_name: String,
}

/// No tenant needs the operation, so there is none.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct NothingToDo {
    /// Always null.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Value>))]
    pub operation: Option<()>,
    /// Tenants that were asked for and have all of it already; 0 when no tenant was selected.
    pub up_to_date: u64,
}

/// An operation and how far it is. The body of a batch is read as one too.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Operation {
    /// The operation.
    #[serde(alias = "batch_id")]
    pub operation_id: OperationId,
    /// What it does.
    #[serde(default = "provision")]
    #[cfg_attr(feature = "openapi", schema(value_type = Kind))]
    pub kind: OpenEnum<Kind>,
    /// What the kind has to know, the same for every tenant.
    #[serde(default)]
    pub params: Value,
    /// Where it is on its way.
    #[cfg_attr(feature = "openapi", schema(value_type = OperationState))]
    pub state: OpenEnum<OperationState>,
    /// How its tenants hang together.
    #[cfg_attr(feature = "openapi", schema(value_type = Mode))]
    pub mode: OpenEnum<Mode>,
    /// Whether workers leave it alone for now.
    pub paused: bool,
    /// When it is to start; null once it has.
    pub run_at: Option<DateTime<Utc>>,
    /// Why no tenant of it is in work although some wait; null when one is, or none waits.
    pub waiting_for: Option<WaitingFor>,
    /// The tenant whose failure rolled it back; null when it was not.
    pub error: Option<BatchError>,
    /// How far it is.
    pub progress: BatchProgress,
    /// When it was submitted.
    pub created_at: DateTime<Utc>,
    /// When its first tenant was begun (after a retry: its first of this run).
    pub started_at: Option<DateTime<Utc>>,
    /// When its last tenant ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// From the start to the end, or to now, in milliseconds; null before the start.
    pub processing_time_ms: Option<i64>,
    /// Where to go from here.
    pub links: OperationLinks,
}

fn provision() -> OpenEnum<Kind> {
    Kind::Provision.into()
}

impl Operation {
    /// Whether every item succeeded.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.progress.counts.succeeded == self.progress.counts.total
    }

    /// From the start to the end, or to now.
    #[must_use]
    pub fn processing_time(&self) -> Option<Duration> {
        Some(Duration::from_millis(self.processing_time_ms?.try_into().ok()?))
    }
}

/// Paths of what can be done with an operation.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct OperationLinks {
    /// The operation itself (GET).
    #[serde(rename = "self")]
    pub this: String,
    /// What became of each tenant (GET).
    #[serde(alias = "results")]
    pub items: String,
    /// Stop what has not begun (POST).
    pub cancel: String,
    /// Run failed tenants again (POST).
    pub retry: String,
    /// Leave it alone for now (POST).
    pub pause: String,
    /// Go on with it (POST).
    pub resume: String,
}

/// Some of the operations. A page of batches is read as one too.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct OperationPage {
    /// Newest first.
    #[serde(alias = "batches")]
    pub operations: Vec<OperationSummary>,
    /// Where the next page starts; null on the last.
    pub next_cursor: Option<String>,
}

/// An operation, without its progress.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct OperationSummary {
    /// The operation.
    #[serde(alias = "batch_id")]
    pub operation_id: OperationId,
    /// What it does.
    #[serde(default = "provision")]
    #[cfg_attr(feature = "openapi", schema(value_type = Kind))]
    pub kind: OpenEnum<Kind>,
    /// Where it is on its way.
    #[cfg_attr(feature = "openapi", schema(value_type = OperationState))]
    pub state: OpenEnum<OperationState>,
    /// How its tenants hang together.
    #[cfg_attr(feature = "openapi", schema(value_type = Mode))]
    pub mode: OpenEnum<Mode>,
    /// Whether workers leave it alone for now.
    pub paused: bool,
    /// When it is to start; null once it has.
    pub run_at: Option<DateTime<Utc>>,
    /// Its tenants.
    pub total: u64,
    /// When it was submitted.
    pub created_at: DateTime<Utc>,
    /// When its first tenant was begun.
    pub started_at: Option<DateTime<Utc>>,
    /// When its last tenant ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Where to go from here.
    pub links: OperationLinks,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_read_as_an_operation_that_provisions() {
        let batch = r#"{"batch_id": "01970000-0000-7000-8000-000000000000", "state": "queued",
            "mode": "atomic", "paused": false, "created_at": "2030-01-01T00:00:00Z",
            "progress": {"total": 4, "queued": 4, "running": 0, "retrying": 0, "succeeded": 0,
                "failed": 0, "cancelled": 0, "rolled_back": 0, "percent": 0.0},
            "links": {"self": "/b", "results": "/b/r", "cancel": "/b/c", "retry": "/b/a",
                "pause": "/b/p", "resume": "/b/g", "reveal_api_keys": "/b/k"}}"#;

        let read: Operation = serde_json::from_str(batch).unwrap();

        assert_eq!(read.kind, Kind::Provision);
        assert_eq!((read.links.items.as_str(), read.is_clean()), ("/b/r", false));
    }
}
