//! `tenantry config check`: what is in force, and where it came from.

use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

use clap::Subcommand;
use settings::{Profile, Settings, SettingsError};

use crate::{
    args::Global,
    connection,
    failure::{Done, Failure},
    show::{self, Table},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Show every key, its value and its source; secrets are hidden
    Check {
        /// Also require what servers need: DATABASE_URL and TENANTRY_MASTER_KEY
        #[arg(long)]
        complete: bool,
    },
}

impl Config {
    pub(crate) fn run(self, global: &Global) -> anyhow::Result<Done> {
        let Self::Check { complete } = self;
        let settings = load()?;
        if global.json {
            show::raw(&serde_json::to_string_pretty(settings.describe())?);
        } else {
            tell(&settings);
        }
        if complete {
            settings.database.require_url().map_err(refused)?;
            let key = settings.keys.require_master_key().map_err(refused)?;
            keys::MasterKeys::parse(key, settings.keys.master_key_previous.as_ref())?;
        }
        Ok(Done::Well)
    }
}

/// The settings that servers with this environment have: every command but `dev` and `demo` works
/// with them.
pub(crate) fn load() -> anyhow::Result<Settings> {
    load_with(Profile::Production)
}

/// The settings of this process, with `profile` unless `TENANTRY_PROFILE` names another.
pub(super) fn load_with(profile: Profile) -> anyhow::Result<Settings> {
    Settings::load_with(profile, config_file()).map_err(|e| refused(e).into())
}

/// What `--config` names. Like the environment it is the same for the whole process.
static CONFIG_FILE: OnceLock<PathBuf> = OnceLock::new();

/// From now on settings are read with this file over the others. The first call decides.
pub(crate) fn use_file(file: Option<PathBuf>) {
    if let Some(file) = file {
        CONFIG_FILE.get_or_init(|| file);
    }
}

pub(crate) fn config_file() -> Option<&'static Path> {
    CONFIG_FILE.get().map(PathBuf::as_path)
}

fn refused(error: SettingsError) -> Failure {
    let advice = match &error {
        SettingsError::Missing { .. } => "set it in the environment",
        SettingsError::UrlFile { .. } => "write postgres://user:password@host/name into it",
        _ => "correct these; config/default.toml tells what each key takes",
    };
    Failure::new(error.to_string()).advise(advice)
}

fn tell(settings: &Settings) {
    let mut table = Table::new(&["=key", "~value", "from"]);
    for entry in settings.describe() {
        let value = show::or_dash(entry.value.as_ref());
        // A list can go on in the next line of a table where it has spaces.
        let value = if show::is_terminal() { value.replace(',', ", ") } else { value };
        table.row([entry.key.clone(), value, entry.source.to_string()]);
    }
    table.print();
    show::note(format!("profile {}: all values are fine", settings.profile()));
    if settings.profile() != Profile::Dev && connection::running_here().is_some() {
        show::note(
            "`tenantry dev` runs here with profile dev: set TENANTRY_PROFILE=dev to see its settings",
        );
    }
}
