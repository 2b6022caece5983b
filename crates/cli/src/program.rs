//! The three programs, from their arguments to their exit codes: `tenantry`, and the servers as programs of
//! their own.

use std::{path::PathBuf, process::ExitCode};

use clap::{CommandFactory as _, FromArgMatches as _, Parser};

use crate::{
    args::{Args, VERSION},
    commands::{self, config_check, serve::Serve},
    failure::{Done, Failure},
};

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

// What both servers take.
#[derive(Debug, Parser)]
#[command(version = VERSION)]
struct Server {
    #[command(flatten)]
    serve: Serve,
    /// TOML file of settings that override the others [default: TENANTRY_CONFIG_FILE]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// What can be typed for `tenantry-api` and `tenantry-worker`.
pub(crate) fn servers() -> [clap::Command; 2] {
    let api = "Serves Tenantry's HTTP API. Everything else is configured by files and the environment; \
               see config/default.toml";
    let worker = "Provisions tenants from the queue. Start as many as you like, on any machine; they \
                  share only DATABASE_URL and TENANTRY_MASTER_KEY. Port and address are those of \
                  /healthz, /readyz and /metrics";
    [("tenantry-api", api), ("tenantry-worker", worker)]
        .map(|(name, about)| Server::command().name(name).about(about))
}

/// The program `tenantry-api`: runs until a signal.
#[must_use]
pub fn tenantry_api() -> ExitCode {
    let [api, _] = servers();
    serve(api, Serve::api)
}

/// The program `tenantry-worker`: runs until a signal.
#[must_use]
pub fn tenantry_worker() -> ExitCode {
    let [_, worker] = servers();
    serve(worker, Serve::worker)
}

fn serve(program: clap::Command, run: impl AsyncFnOnce(Serve) -> anyhow::Result<Done>) -> ExitCode {
    let name = program.get_name().to_owned();
    let typed = Server::from_arg_matches(&program.get_matches()).unwrap_or_else(|e| e.exit());
    config_check::use_file(typed.config);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let served = runtime.map_err(Into::into).and_then(|it| it.block_on(run(typed.serve)));
    match served {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {}", telemetry::chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}
