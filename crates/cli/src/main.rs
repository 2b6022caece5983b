//! The `tenantry` command.

fn main() -> std::process::ExitCode {
    cli::tenantry()
}
