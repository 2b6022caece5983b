//! What can be typed.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};

use crate::commands::{
    audit, config_check, demo, dev, doctor, drift, findings, health, import, item, keys, migrate,
    operation, queue, restore, rollout, serve, shell, submit, tenant, token,
};

const AFTER_HELP: &str = "\
Start here:
  tenantry demo                         try all of it on this machine
  tenantry dev                          run a system to work with
  tenantry submit tenants.csv --watch   submit tenants, from another terminal

Exit codes: 0 all succeeded, 1 something failed, 2 wrong usage, 130 stopped by Ctrl-C.";

/// What `--version` says; release builds name their commit in TENANTRY_VERSION.
pub(crate) const VERSION: &str = match option_env!("TENANTRY_VERSION") {
    Some(version) if !version.is_empty() => version,
    _ => env!("CARGO_PKG_VERSION"),
};

/// Provisions tenants, each with a PostgreSQL schema, role and API key of its own.
#[derive(Debug, Parser)]
#[command(name = "tenantry", version = VERSION, after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// An address of the API: a name without `http://` would be answered by "no token".
fn url(text: &str) -> Result<String, String> {
    let parsed = reqwest::Url::parse(text).ok();
    let fits = parsed.is_some_and(|it| it.has_host() && ["http", "https"].contains(&it.scheme()));
    if text.is_empty() || fits {
        return Ok(text.to_owned());
    }
    Err("not a URL; write it as http://127.0.0.1:8080".to_owned())
}

fn whom(text: &str) -> Result<String, String> {
    let parsed = domain::Principal::parse(text).map(|_| text.to_owned());
    if text.is_empty() { Ok(String::new()) } else { parsed.map_err(|error| error.to_string()) }
}

/// Options that every command takes.
#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct Global {
    /// Address of the API [default: that of `tenantry dev` here, else http://127.0.0.1:8080]
    #[arg(
        long,
        global = true,
        env = "TENANTRY_URL",
        value_name = "URL",
        help_heading = GLOBAL,
        value_parser = url
    )]
    pub(crate) url: Option<String>,
    /// Operator token for the API [default: that of `tenantry dev` here]
    #[arg(
        long,
        global = true,
        env = "TENANTRY_TOKEN",
        value_name = "TOKEN",
        help_heading = GLOBAL,
        hide_env_values = true
    )]
    pub(crate) token: Option<String>,
    /// For whom you act: the audit log keeps it beside your token's name
    #[arg(
        long,
        global = true,
        env = "TENANTRY_ON_BEHALF_OF",
        value_name = "WHOM",
        help_heading = GLOBAL,
        hide_env_values = true,
        value_parser = whom
    )]
    pub(crate) on_behalf_of: Option<String>,
    /// Print JSON; an error is JSON too, on the last line of stderr
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(crate) json: bool,
    /// TOML file of settings that override the others [default: TENANTRY_CONFIG_FILE]
    #[arg(long, global = true, value_name = "FILE", help_heading = GLOBAL)]
    pub(crate) config: Option<PathBuf>,
}

/// Where help lists what every command takes, behind what is a command's own.
const GLOBAL: &str = "Global options";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Try it: start everything here, provision sample tenants, show the result, clean up
    Demo(demo::Demo),
    /// Run PostgreSQL, the API and workers on this machine until Ctrl-C
    Dev(dev::Dev),
    /// Submit a file of tenants: JSON, NDJSON or CSV
    Submit(submit::Submit),
    Import(import::Import),
    Release(import::Release),
    /// Show, watch, cancel, retry, pause or resume batches
    #[command(subcommand)]
    Batch(operation::Batch),
    /// Show, watch, cancel, retry, pause or resume operations of any kind
    #[command(subcommand)]
    Operation(operation::Operation),
    /// Show one tenant of an operation; repair one that cannot go on
    #[command(subcommand)]
    Item(item::Item),
    /// Migrate tenants in waves: plan, start, show, promote, skip, abort
    #[command(subcommand)]
    Rollout(rollout::Rollout),
    /// Show, pause or resume the whole queue
    #[command(subcommand)]
    Queue(queue::Queue),
    /// Read a batch's API keys and confirm them; rotate the master key
    #[command(subcommand)]
    Keys(keys::Keys),
    /// List and show tenants
    #[command(subcommand)]
    Tenant(tenant::Tenant),
    /// Create, list and revoke operator tokens (works on DATABASE_URL)
    #[command(subcommand)]
    Token(token::Token),
    /// Migrate the shared schema, or the tenants' schemas (works on DATABASE_URL)
    #[command(subcommand)]
    Migrate(migrate::Migrate),
    /// Find faults in a live system; repair those you name (works on DATABASE_URL)
    Doctor(doctor::Doctor),
    Drift(drift::Drift),
    Findings(findings::Findings),
    /// List the audit log; export it by month, and drop exported months
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Use a copied or restored database (works on DATABASE_URL)
    #[command(subcommand)]
    Restore(restore::Restore),
    /// Check and show the configuration
    #[command(subcommand)]
    Config(config_check::Config),
    /// Run the API server, as `tenantry-api` does
    Api(serve::Serve),
    /// Run a worker, as `tenantry-worker` does
    Worker(serve::Serve),
    /// Check a server's health; exit 0 if it is healthy
    Health(health::Health),
    /// Print a completion script for a shell
    Completions(shell::Completions),
    /// Print the manual page, or write all pages to a directory
    Man(shell::Man),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn is_a_sound_command_line() {
        Args::command().debug_assert();
    }

    #[test]
    fn takes_global_options_after_the_command() {
        let args =
            Args::try_parse_from(["tenantry", "batch", "list", "--json", "--url", "http://x"])
                .unwrap();

        assert!(args.global.json);
        assert_eq!(args.global.url.as_deref(), Some("http://x"));
    }
}
