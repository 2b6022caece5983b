//! One endpoint a file: handler, description, and the bodies only it has.

mod acknowledge_keys;
mod cancel_batch;
mod create_tenant;
mod get_batch;
mod get_results;
mod get_tenant;
mod get_tenant_status;
mod healthz;
mod list_batches;
mod list_tenants;
mod metrics;
mod openapi_json;
mod readyz;
mod retry_batch;
mod reveal_keys;
mod submit_batch;

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
