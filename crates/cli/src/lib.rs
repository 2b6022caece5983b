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
mod server;
mod show;
mod stack;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{args::Args, failure::Failure};

/// The command `tenantry`, from its arguments to its exit code.
#[must_use]
pub fn tenantry() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(told) => return tell(&told),
    };
    let json = args.global.json;
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => return Failure::report(&anyhow::Error::new(e).context("could not start"), json),
    };
    match runtime.block_on(commands::run(args)) {
        Ok(done) => done.into(),
        Err(e) => Failure::report(&e, json),
    }
}

/// The program `tenantry-api`.
#[must_use]
pub fn tenantry_api() -> ExitCode {
    server::api()
}

/// The program `tenantry-worker`.
#[must_use]
pub fn tenantry_worker() -> ExitCode {
    server::worker()
}

/// Says what was typed wrongly. Help and version come this way too.
fn tell(told: &clap::Error) -> ExitCode {
    if told.use_stderr() && std::env::args_os().any(|arg| arg == "--json") {
        let sentence = told.to_string();
        let sentence = sentence.trim().trim_start_matches("error: ").to_owned();
        return Failure::report(&Failure::usage(sentence).into(), true);
    }
    // A closed pipe is no reason to fail.
    let _closed = told.print();
    ExitCode::from(u8::try_from(told.exit_code()).unwrap_or(2))
}
