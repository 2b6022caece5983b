//! The endpoints, one subject a file: handlers, their descriptions, and their query parameters.
//!
//! `/batches` has the calls of `/operations`, for operations of kind `provision` alone and in the words that
//! callers of the original API know. The handlers are the same; their paths and descriptions are made here.

mod acts;
mod audit;
mod checks;
mod deletion;
mod history;
mod imports;
mod items;
mod keys;
mod life;
mod operations;
mod probes;
mod queue;
mod rollouts;
mod submit;
mod tenant_health;
mod tenant_keys;
mod tenants;
mod update;
mod verify;

use axum::Extension;
use utoipa::openapi::{Paths, RefOr};
use utoipa_axum::{
    router::{OpenApiRouter, UtoipaMethodRouter},
    routes,
};

use crate::{context::Context, views::Under};

/// The calls that need a token, without their prefix.
pub(crate) fn api() -> OpenApiRouter<Context> {
    let operations = of_operations().into_iter().fold(OpenApiRouter::new(), OpenApiRouter::routes);
    let batches = of_operations().into_iter().map(respelt);
    let batches = batches.fold(OpenApiRouter::new(), OpenApiRouter::routes);
    operations
        .routes(routes!(operations::submit_operation))
        .routes(routes!(items::get_item))
        .routes(routes!(items::retry_item))
        .routes(routes!(rollouts::promote_operation))
        .routes(routes!(rollouts::skip_item))
        .route_layer(Extension(Under::Operations))
        .merge(batches.route_layer(Extension(Under::Batches)))
        .routes(routes!(submit::submit_batch))
        .routes(routes!(submit::create_tenant))
        .routes(routes!(rollouts::list_rollouts))
        .routes(routes!(rollouts::get_rollout))
        .routes(routes!(queue::get_queue))
        .routes(routes!(queue::pause_queue))
        .routes(routes!(queue::resume_queue))
        .routes(routes!(tenants::list_tenants))
        .routes(routes!(tenants::get_tenant, update::update_tenant, deletion::delete_tenant))
        .routes(routes!(update::update_tenants))
        .routes(routes!(tenants::get_tenant_status))
        .routes(routes!(history::get_tenant_history))
        .routes(routes!(life::suspend_tenant))
        .routes(routes!(life::resume_tenant))
        .routes(routes!(imports::import_tenants))
        .routes(routes!(imports::release_schema))
        .routes(routes!(deletion::undelete_tenant))
        .routes(routes!(deletion::hold_tenant, deletion::release_tenant))
        .routes(routes!(deletion::protect_tenant, deletion::unprotect_tenant))
        .routes(routes!(deletion::get_erase_report))
        .routes(routes!(audit::list_audit))
        .routes(routes!(checks::check_tenant))
        .routes(routes!(checks::get_tenant_health))
        .routes(routes!(checks::list_findings))
        .routes(routes!(tenant_health::list_tenant_health))
        .routes(routes!(tenant_keys::list_keys, tenant_keys::issue_key))
        .routes(routes!(tenant_keys::rotate_keys))
        .routes(routes!(tenant_keys::reveal_tenant_keys))
        .routes(routes!(tenant_keys::acknowledge_tenant_keys))
        .routes(routes!(tenant_keys::get_key, tenant_keys::revoke_key))
        .routes(routes!(verify::verify_key))
}

/// The calls on operations that there are on batches too.
fn of_operations() -> [UtoipaMethodRouter<Context>; 11] {
    [
        routes!(operations::list_operations),
        routes!(operations::get_operation),
        routes!(operations::cancel_operation),
        routes!(operations::retry_operation),
        routes!(operations::pause_operation),
        routes!(operations::resume_operation),
        routes!(items::list_items),
        routes!(items::undo_operation_item),
        routes!(items::resolve_operation_item),
        routes!(keys::reveal_operation_keys),
        routes!(keys::acknowledge_operation_keys),
    ]
}

/// The calls of those who run the service: no token, no prefix.
pub(crate) fn operations() -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .routes(routes!(probes::healthz))
        .routes(routes!(probes::readyz))
        .routes(routes!(probes::metrics))
        .routes(routes!(probes::openapi_json))
}

/// What is said of operations, and what of batches. Each pair is replaced in what those before it have left.
const WORDS: [(&str, &str); 16] = [
    ("An operation", "A batch"),
    ("an operation", "a batch"),
    ("Operation", "Batch"),
    ("operations", "batches"),
    ("operation", "batch"),
    // A keyword of OpenAPI, and the one type of both ids.
    ("batchId", "operationId"),
    ("BatchId", "OperationId"),
    ("/{id}/items\"", "/{id}/results\""),
    ("ItemPage", "ResultPage"),
    ("items of a batch", "results of a batch"),
    ("list_items", "get_results"),
    ("undo_batch_item", "undo_item"),
    ("resolve_batch_item", "resolve_item"),
    ("reveal_batch_keys", "reveal_keys"),
    ("acknowledge_batch_keys", "acknowledge_keys"),
    ("BatchAcknowledged", "Acknowledged"),
];

/// Filters of the list of operations that the list of batches does not have.
const FILTERS: [&str; 2] = ["kind", "state"];

/// A call on operations as a call on batches.
fn respelt<S>((schemas, paths, handler): UtoipaMethodRouter<S>) -> UtoipaMethodRouter<S> {
    let mut text = serde_json::to_string(&paths).expect("a description is JSON");
    for (operation, batch) in WORDS {
        text = text.replace(operation, batch);
    }
    let mut paths: Paths = serde_json::from_str(&text).expect("it has other words only");
    let calls = paths.paths.values_mut().filter_map(|path| path.get.as_mut());
    for parameters in calls.filter_map(|call| call.parameters.as_mut()) {
        parameters.retain(|it| !matches!(it, RefOr::T(it) if FILTERS.contains(&it.name.as_str())));
    }
    (schemas, paths, handler)
}
