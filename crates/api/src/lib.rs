//! The HTTP API: router, routes, problems, authentication, OpenAPI.
//!
//! A connection is taken by `server`, which holds the limits of what one process does at once and
//! ends it in good order. A request passes through [`router`]: it gets an id and a span (`observe`), its caller is found
//! and counted (`auth`, `rate_limit`), its path, query and body are read (`extract`, `body`; that of
//! a submission as it arrives, `receive`), and a handler of `routes` answers, one endpoint a file. Whatever goes wrong on the way becomes a
//! [`Problem`]. No provisioning happens in here: a submission (`submit`) is one transaction that
//! ends with jobs in the queue, and an answer that is held back (`wait`) only watches.

mod admission;
mod all_or_nothing;
mod arriving;
mod auth;
mod authenticator;
mod batch_view;
mod body;
mod client_address;
mod context;
mod counts;
mod cursor;
mod documented;
mod extract;
mod fingerprint;
mod lines;
mod observe;
mod openapi;
mod origin_watch;
mod original;
mod parameters;
mod pool_watch;
mod prefer;
mod problem;
mod problems;
mod queue_view;
mod rate_limit;
mod read_batch;
mod receive;
mod record;
mod request_id;
mod reserve;
mod result_form;
mod results_view;
mod reveal;
mod router;
mod routes;
mod run;
mod schedule;
mod schema_watch;
mod server;
mod shares;
mod submit;
mod tenant_view;
mod texts;
mod wait;
mod waiting;
mod well_formed;

pub use context::{Context, ContextError};
pub use problem::{PROBLEM_JSON, Problem};
pub use router::router;
pub use run::run;
