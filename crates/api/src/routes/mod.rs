//! The endpoints, one subject a file: handlers, their descriptions, and their query parameters.

mod acts;
mod batches;
mod items;
mod keys;
mod operations;
mod probes;
mod queue;
mod submit;
mod tenants;

use axum::Extension;
use utoipa_axum::{
    router::{OpenApiRouter, UtoipaMethodRouter},
    routes,
};

use crate::{context::Context, views::Under};

/// The calls that need a token, without their prefix.
pub(crate) fn api() -> OpenApiRouter<Context> {
    let operations = of_operations().into_iter().fold(OpenApiRouter::new(), OpenApiRouter::routes);
    let batches = of_operations().into_iter().map(batches::respelt);
    let batches = batches.fold(OpenApiRouter::new(), OpenApiRouter::routes);
    operations
        .routes(routes!(operations::submit_operation))
        .routes(routes!(items::get_item))
        .routes(routes!(items::retry_item))
        .route_layer(Extension(Under::Operations))
        .merge(batches.route_layer(Extension(Under::Batches)))
        .routes(routes!(submit::submit_batch))
        .routes(routes!(submit::create_tenant))
        .routes(routes!(keys::reveal_keys))
        .routes(routes!(keys::acknowledge_keys))
        .routes(routes!(queue::get_queue))
        .routes(routes!(queue::pause_queue))
        .routes(routes!(queue::resume_queue))
        .routes(routes!(tenants::list_tenants))
        .routes(routes!(tenants::get_tenant))
        .routes(routes!(tenants::get_tenant_status))
}

/// The calls on operations that there are on batches too.
fn of_operations() -> [UtoipaMethodRouter<Context>; 9] {
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
