//! The description of the API, made of the descriptions beside the handlers.

use utoipa::{
    Modify, OpenApi as _,
    openapi::{
        OpenApi, Server,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use crate::http::router;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Tenantry",
        description = "Provisions tenants, one PostgreSQL schema each: submit a batch, watch it, \
            fetch the keys. Every path under `/api/v1` answers under `/api` too, where a create waits \
            up to 30 s by itself and is answered as callers of the original API expect. A query \
            parameter that a call does not have is refused (`unknown_parameter`). Every error is \
            `application/problem+json` with a stable `code`. `X-Request-Id` is taken and returned.",
    ),
    components(schemas(contract::Batch, contract::BatchPage, contract::ResultPage)),
    modifiers(&BearerToken),
    security(("operator_token" = [])),
    tags(
        (name = "tenants", description = "Make tenants, and look at them"),
        (name = "batches", description = "Watch and steer batches"),
        (name = "queue", description = "Look at the queue as a whole, and hold it"),
        (name = "keys", description = "Fetch API keys, then have their secrets erased"),
        (name = "operations", description = "For those who run the service; no token"),
    ),
)]
struct Description;

struct BearerToken;

impl Modify for BearerToken {
    fn modify(&self, openapi: &mut OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "An operator token. `viewer` may GET; `operator` may also submit, cancel, retry, \
                 pause and resume a batch, reveal and acknowledge; `admin` may everything: pause the \
                 queue, see to tenants whose undo failed.",
            ))
            .build();
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("operator_token", SecurityScheme::Http(scheme));
    }
}

/// What all descriptions are merged into.
pub(crate) fn base() -> OpenApi {
    Description::openapi()
}

/// The whole description as JSON, of an API that answers below `public_path`.
pub(crate) fn document(public_path: &str) -> String {
    let mut description = router::description();
    let url = if public_path.is_empty() { "/" } else { public_path };
    description.servers = Some(vec![Server::new(url)]);
    description.to_json().expect("a description of strings and numbers is JSON")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    #[test]
    fn refers_only_to_schemas_that_are_there() {
        let text = super::document("");
        let document: Value = serde_json::from_str(&text).unwrap();

        let named = text.split("\"#").skip(1).map(|it| it.split('"').next().unwrap());
        for pointer in named {
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
    }

    #[test]
    fn a_state_is_described_by_its_words() {
        let document: Value = serde_json::from_str(&super::document("")).unwrap();
        let words = &document["components"]["schemas"]["OperationState"]["enum"];
        assert_eq!(*words, serde_json::json!(domain::OperationState::ALL));
    }
}
