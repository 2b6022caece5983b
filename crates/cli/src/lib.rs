//! The `tenantry` command: try it, run it, submit tenants, look after them. The servers' own
//! programs are here too, so that installing this crate brings all three.
//!
//! `args` says what can be typed, `commands` has one file for each, `client` talks to the API,
//! `stack` runs PostgreSQL, the API and workers on this machine, `input` reads files of tenants,
//! `show` is what people see. Results go to standard output, everything else to standard error;
//! the exit code is 0 when all succeeded, 1 when something failed, 2 when the call was wrong, 130
//! after Ctrl-C.

#![expect(clippy::doc_markdown, reason = "doc comments of arguments are help texts on a terminal")]

mod actor;
mod args;
mod client;
mod commands;
mod connection;
mod failure;
mod input;
mod program;
mod show;
mod stack;

pub use program::{tenantry, tenantry_api, tenantry_worker};
