//! The endpoints, one subject a file: handlers, their descriptions, and their query parameters.

mod acts;
mod batches;
mod items;
mod keys;
mod operation_items;
mod operations;
mod probes;
mod queue;
mod submit;
mod tenants;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::context::Context;

/// The calls that need a token, without their prefix.
pub(crate) fn api() -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .routes(routes!(submit::submit_batch))
        .routes(routes!(batches::list_batches))
        .routes(routes!(batches::get_batch))
        .routes(routes!(items::get_results))
        .routes(routes!(batches::cancel_batch))
        .routes(routes!(batches::retry_batch))
        .routes(routes!(batches::pause_batch))
        .routes(routes!(batches::resume_batch))
        .routes(routes!(items::undo_item))
        .routes(routes!(items::resolve_item))
        .routes(routes!(operations::submit_operation))
        .routes(routes!(operations::list_operations))
        .routes(routes!(operations::get_operation))
        .routes(routes!(operations::cancel_operation))
        .routes(routes!(operations::retry_operation))
        .routes(routes!(operations::pause_operation))
        .routes(routes!(operations::resume_operation))
        .routes(routes!(operation_items::list_items))
        .routes(routes!(operation_items::get_item))
        .routes(routes!(operation_items::retry_item))
        .routes(routes!(operation_items::undo_operation_item))
        .routes(routes!(operation_items::resolve_operation_item))
        .routes(routes!(queue::get_queue))
        .routes(routes!(queue::pause_queue))
        .routes(routes!(queue::resume_queue))
        .routes(routes!(keys::reveal_keys))
        .routes(routes!(keys::acknowledge_keys))
        .routes(routes!(submit::create_tenant))
        .routes(routes!(tenants::list_tenants))
        .routes(routes!(tenants::get_tenant))
        .routes(routes!(tenants::get_tenant_status))
}

/// The calls of those who run the service: no token, no prefix.
pub(crate) fn operations() -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .routes(routes!(probes::healthz))
        .routes(routes!(probes::readyz))
        .routes(routes!(probes::metrics))
        .routes(routes!(probes::openapi_json))
}
