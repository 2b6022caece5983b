//! The promises of `tenantdb`, held against a real server.

mod bootstrap;
mod confinement;
mod cost;
mod migrations;
mod ownership;
mod quoting;
mod support;
mod verify;
