//! The program `tenantry`, from its arguments to its exit code.

use std::process::ExitCode;

use clap::Parser as _;

use crate::{args::Args, commands, failure::Failure};

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
