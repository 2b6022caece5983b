//! `tenantry-worker`: a worker as a process of its own.

fn main() -> std::process::ExitCode {
    cli::tenantry_worker()
}
