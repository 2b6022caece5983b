//! `tenantry-api`: the HTTP API as a process of its own.

fn main() -> std::process::ExitCode {
    cli::tenantry_api()
}
