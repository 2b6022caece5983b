//! What can be typed.

use clap::{Args as ClapArgs, Parser, Subcommand};

use crate::commands::{
    batch, config_check, demo, dev, doctor, health, item, keys, migrate, queue, restore, serve,
    submit, tenant, token,
};

const AFTER_HELP: &str = "\
Start here:
  tenantry demo                         all of it on this machine, on a sample batch
  tenantry dev                          a running system to work against
  tenantry submit tenants.csv --watch   from another terminal

Exit codes: 0 all succeeded, 1 something failed, 2 wrong usage.";

/// Provisions tenants, each with a PostgreSQL schema, role and API key of its own.
#[derive(Debug, Parser)]
#[command(name = "tenantry", version, after_help = AFTER_HELP, propagate_version = true)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that every command takes.
#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct Global {
    /// Where the API answers [default: what `.tenantry/ready.json` says, else http://127.0.0.1:8080]
    #[arg(long, global = true, env = "TENANTRY_URL", value_name = "URL")]
    pub(crate) url: Option<String>,
    /// The operator token to call the API with [default: what `.tenantry/ready.json` says]
    #[arg(
        long,
        global = true,
        env = "TENANTRY_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true
    )]
    pub(crate) token: Option<String>,
    /// Print what the API sent, for programs
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run everything here, provision a sample batch, show what happened, clean up
    Demo(demo::Demo),
    /// Run PostgreSQL, the API and workers here until Ctrl-C
    Dev(dev::Dev),
    /// Submit a file of tenants: JSON, NDJSON or CSV
    Submit(submit::Submit),
    /// Look at batches, watch, cancel, retry, pause or resume them
    #[command(subcommand)]
    Batch(batch::Batch),
    /// See to a tenant whose undo failed
    #[command(subcommand)]
    Item(item::Item),
    /// Look at the queue as a whole, pause or resume it
    #[command(subcommand)]
    Queue(queue::Queue),
    /// Take the API keys a batch made; roll the master key
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Look at tenants
    #[command(subcommand)]
    Tenant(tenant::Tenant),
    /// Make, list and revoke operator tokens (works on DATABASE_URL)
    #[command(subcommand)]
    Token(token::Token),
    /// Migrate the shared schema, or the tenants' (works on DATABASE_URL)
    #[command(subcommand)]
    Migrate(migrate::Migrate),
    /// Check a live system against what must always hold; repair what is named (works on DATABASE_URL)
    Doctor(doctor::Doctor),
    /// Put a copied or restored database to use (works on DATABASE_URL)
    #[command(subcommand)]
    Restore(restore::Restore),
    /// Check the configuration
    #[command(subcommand)]
    Config(config_check::Config),
    /// Serve the HTTP API, as `tenantry-api` does
    Api(serve::Serve),
    /// Provision tenants, as `tenantry-worker` does
    Worker(serve::Serve),
    /// Ask a process for its health: exit 0 if it answers well
    Health(health::Health),
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
