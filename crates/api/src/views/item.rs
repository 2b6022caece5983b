//! What became of a batch's items, as callers see it.

use contract::{ItemError, ItemResult};
use store::items;

pub(crate) fn item(item: items::ItemResult) -> ItemResult {
    ItemResult {
        index: item.index,
        tenant_name: item.tenant_name,
        status: item.state.into(),
        tenant_id: item.tenant_id,
        schema_name: item.schema_name,
        domain: item.domain,
        attempts: item.attempts,
        error: item.error.map(error),
        steps: serde_json::from_value(item.steps).unwrap_or_default(),
    }
}

/// Why an item is not a tenant.
pub(crate) fn error(e: items::ResultError) -> ItemError {
    ItemError { code: e.code, message: e.message, step: e.step, retryable: e.retryable }
}
