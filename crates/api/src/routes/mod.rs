//! One endpoint a file: handler, description, and the bodies only it has.

mod acknowledge_keys;
mod cancel_batch;
mod create_tenant;
mod get_batch;
mod get_queue;
mod get_results;
mod get_tenant;
mod get_tenant_status;
mod healthz;
mod list_batches;
mod list_tenants;
mod metrics;
mod openapi_json;
mod pause_batch;
mod pause_queue;
mod readyz;
mod resolve_item;
mod resume_batch;
mod resume_queue;
mod retry_batch;
mod reveal_keys;
mod submit_batch;
mod undo_item;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::context::Context;

/// The calls that need a token, without their prefix.
pub(crate) fn api() -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .routes(routes!(submit_batch::submit_batch))
        .routes(routes!(list_batches::list_batches))
        .routes(routes!(get_batch::get_batch))
        .routes(routes!(get_results::get_results))
        .routes(routes!(cancel_batch::cancel_batch))
        .routes(routes!(retry_batch::retry_batch))
        .routes(routes!(pause_batch::pause_batch))
        .routes(routes!(resume_batch::resume_batch))
        .routes(routes!(undo_item::undo_item))
        .routes(routes!(resolve_item::resolve_item))
        .routes(routes!(get_queue::get_queue))
        .routes(routes!(pause_queue::pause_queue))
        .routes(routes!(resume_queue::resume_queue))
        .routes(routes!(reveal_keys::reveal_keys))
        .routes(routes!(acknowledge_keys::acknowledge_keys))
        .routes(routes!(create_tenant::create_tenant))
        .routes(routes!(list_tenants::list_tenants))
        .routes(routes!(get_tenant::get_tenant))
        .routes(routes!(get_tenant_status::get_tenant_status))
}

/// The calls of those who run the service: no token, no prefix.
pub(crate) fn operations() -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .routes(routes!(healthz::healthz))
        .routes(routes!(readyz::readyz))
        .routes(routes!(metrics::metrics))
        .routes(routes!(openapi_json::openapi_json))
}
