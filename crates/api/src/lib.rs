//! The HTTP API: router, routes, problems, authentication, OpenAPI.
//!
//! A request passes through `http`, which finds its caller and holds the limits, and a handler of
//! `routes` answers it with a body of crate `contract`, made in `views`. A submission of tenants is one
//! transaction that ends with jobs in the queue (`submission`): no provisioning happens in here. An
//! answer that is held back (`http::wait`) only watches. Whatever goes wrong becomes a [`Problem`].

mod context;
mod http;
mod issue_key;
mod pool_watch;
mod reveal;
mod routes;
mod run;
mod schema_watch;
mod submission;
mod views;

pub use context::{Context, ContextError};
pub use http::problem::{PROBLEM_JSON, Problem};
pub use http::router::router;
pub use run::run;
