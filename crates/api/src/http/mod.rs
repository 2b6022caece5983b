//! What every request passes through, and what every answer is made with.
//!
//! `server` takes a connection, and holds the limits of what one process does at once. [`router`] puts
//! before each handler: request id and log line (`observe`), a place (`admission`), the caller and its
//! rate (`auth`, `shares`), the query's names (`parameters`), limits of size and time (`body`).
//! Whatever goes wrong becomes a [`problem::Problem`].

pub(crate) mod admission;
pub(crate) mod auth;
pub(crate) mod authenticator;
pub(crate) mod body;
pub(crate) mod client_address;
pub(crate) mod cursor;
pub(crate) mod etag;
pub(crate) mod observe;
pub(crate) mod openapi;
pub(crate) mod parameters;
pub(crate) mod prefer;
pub(crate) mod problem;
pub(crate) mod problems;
pub(crate) mod request_id;
pub(crate) mod router;
pub(crate) mod seldom;
pub(crate) mod server;
pub(crate) mod shares;
pub(crate) mod wait;
