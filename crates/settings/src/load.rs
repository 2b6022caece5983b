//! From layers to settings: every value checked, every problem kept.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;
use toml::Value;

use crate::{
    Api, Checks, Database, Deletion, Effective, Keys, Log, Pool, Problem, Profile, Queue,
    Retention, SettingsError, Source, Tenants, Worker,
    catalogue::{self, KEYS},
    check,
    layers::{CONFIG_DIR_VAR, CONFIG_FILE_VAR, DEFAULT_FILE, Files, Layers, PATH_PREFIX},
    profile::PROFILE_VAR,
    relations,
};

/// Where an operator's files are looked for when the environment names no other directory.
const SYSTEM_DIR: &str = "/etc/tenantry";

/// The whole configuration, checked. `Debug` blots out the secrets.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub database: Database,
    pub api: Api,
    pub worker: Worker,
    pub pool: Pool,
    pub queue: Queue,
    pub checks: Checks,
    pub retention: Retention,
    pub deletion: Deletion,
    pub tenants: Tenants,
    pub keys: Keys,
    pub log: Log,
    #[serde(skip)]
    profile: Profile,
    #[serde(skip)]
    effective: Vec<Effective>,
}

impl Settings {
    /// The settings of this process: files and environment.
    ///
    /// `profile` is in force unless `TENANTRY_PROFILE` names another. `file`, as `--config` names it, is
    /// one more over the others; it wins over the one in `TENANTRY_CONFIG_FILE`.
    ///
    /// # Errors
    /// [`SettingsError::Invalid`] with every unknown key, wrong value and
    /// unreadable file there is.
    pub fn load_with(profile: Profile, file: Option<&Path>) -> Result<Self, SettingsError> {
        let files = Files { search: Some(SYSTEM_DIR.into()), named: file.map(Path::to_path_buf) };
        let mut problems = Vec::new();
        let mut env = BTreeMap::new();
        for (name, value) in std::env::vars_os() {
            let Ok(name) = name.into_string() else { continue };
            match value.into_string() {
                Ok(value) => _ = env.insert(name, value),
                Err(_) if is_ours(&name) => problems.push(Problem::new(name, "is not UTF-8")),
                Err(_) => {}
            }
        }
        Self::build(profile, &env, &files, problems)
    }

    /// The settings that a process with this environment would have.
    ///
    /// # Errors
    /// As [`Settings::load_with`].
    pub fn from_env_map(
        profile: Profile,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingsError> {
        Self::build(profile, &env.into_iter().collect(), &Files::default(), Vec::new())
    }

    #[must_use]
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// Every key with its value as loaded and where that came from, in the order
    /// of `config/default.toml`; secrets as `***`.
    #[must_use]
    pub fn describe(&self) -> &[Effective] {
        &self.effective
    }

    fn build(
        profile: Profile,
        env: &BTreeMap<String, String>,
        files: &Files,
        mut problems: Vec<Problem>,
    ) -> Result<Self, SettingsError> {
        let layers = Layers::read(profile, env, files);
        let profile = layers.profile;
        let (checked, found) = Checked::of(layers);
        problems.extend(found);
        problems.extend(relations::problems(&checked));
        if !problems.is_empty() {
            problems.sort();
            problems.dedup();
            return Err(SettingsError::Invalid(problems));
        }
        let settings: Self = toml::from_str(&checked.to_toml())
            .map_err(|e| e.message().to_owned())
            .expect("every key is in its range, and default.toml has every key that must be set");
        Ok(Self { profile, effective: checked.describe(), ..settings })
    }
}

fn is_ours(name: &str) -> bool {
    name.starts_with(PATH_PREFIX)
        || [PROFILE_VAR, CONFIG_DIR_VAR, CONFIG_FILE_VAR].contains(&name)
        || KEYS.iter().any(|key| key.env == Some(name))
}

/// The values that are fine alone, by path.
#[derive(Default)]
pub(crate) struct Checked(BTreeMap<String, (Value, Source)>);

impl Checked {
    /// What is fine, and what is not.
    pub(crate) fn of(layers: Layers) -> (Self, Vec<Problem>) {
        let (mut checked, mut problems) = (Self::default(), layers.problems);
        for (path, found) in layers.values {
            let (key, entry) = catalogue::find(&path).expect("a layer keeps known keys only");
            match check::value(key, entry, &found) {
                Ok(value) => _ = checked.0.insert(path, (value, found.source)),
                Err(message) => problems.push(Problem::new(found.source.place(&path), message)),
            }
        }
        (checked, problems)
    }

    pub(crate) fn value(&self, path: &str) -> Option<&Value> {
        self.0.get(path).map(|(value, _)| value)
    }

    pub(crate) fn place(&self, path: &str) -> String {
        self.0.get(path).map_or_else(|| path.to_owned(), |(_, source)| source.place(path))
    }

    /// Whether the path's value is the built-in one.
    pub(crate) fn is_default(&self, path: &str) -> bool {
        let default = Source::File(DEFAULT_FILE.0.to_owned());
        self.0.get(path).is_some_and(|(_, source)| *source == default)
    }

    /// The paths below a prefix, each with its last part.
    pub(crate) fn under(&self, prefix: &str) -> impl Iterator<Item = (&str, &str)> {
        self.0.keys().filter_map(move |path| Some((path.as_str(), path.strip_prefix(prefix)?)))
    }

    /// The values as TOML, each under its path.
    fn to_toml(&self) -> String {
        self.0.iter().map(|(path, (value, _))| format!("{path} = {value}\n")).collect()
    }

    fn describe(&self) -> Vec<Effective> {
        KEYS.iter().flat_map(|key| self.describe_key(key)).collect()
    }

    fn describe_key(&self, key: &catalogue::Key) -> Vec<Effective> {
        let of_key = |path: &str| catalogue::find(path).is_some_and(|(k, _)| k.path == key.path);
        let lines: Vec<_> = self
            .0
            .iter()
            .filter(|(path, _)| of_key(path))
            .map(|(path, found)| Effective::new(key, path, Some(found)))
            .collect();
        if lines.is_empty() { vec![Effective::new(key, key.path, None)] } else { lines }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn built(profile: Profile, env: &[(&str, &str)], files: &Files) -> Result<Settings, String> {
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Settings::build(profile, &env.collect(), files, Vec::new()).map_err(|e| e.to_string())
    }

    fn system() -> (tempfile::TempDir, Files) {
        let dir = tempfile::tempdir().unwrap();
        let production = "[worker]\nconcurrency = 9\n[api]\nport = 9000\n";
        fs::write(dir.path().join("production.toml"), production).unwrap();
        let search = Some(dir.path().to_path_buf());
        (dir, Files { search, named: None })
    }

    #[test]
    fn the_systems_directory_is_found_unless_the_environment_names_another() {
        let (_dir, files) = system();
        let own = tempfile::tempdir().unwrap();
        fs::write(own.path().join("default.toml"), "[worker]\nconcurrency = 3\n").unwrap();
        let named = [("TENANTRY_CONFIG_DIR", own.path().to_str().unwrap())];

        let found = built(Profile::Production, &[], &files).unwrap();
        let other = built(Profile::Production, &named, &files).unwrap();
        let dev = built(Profile::Dev, &[], &files).unwrap();

        assert_eq!((found.worker.concurrency, found.api.port), (9, 9000));
        assert_eq!((other.worker.concurrency, other.api.port), (3, 8080));
        assert_eq!(dev.worker.concurrency, 4, "a developer's system is not the server's");
    }

    #[test]
    fn a_systems_directory_that_is_empty_or_missing_is_no_trouble() {
        let empty = tempfile::tempdir().unwrap();

        for dir in [empty.path().to_path_buf(), empty.path().join("gone")] {
            let files = Files { search: Some(dir), named: None };
            assert_eq!(built(Profile::Production, &[], &files).unwrap().api.port, 8080);
        }
    }

    #[test]
    fn the_file_of_the_option_lies_over_the_others_and_below_the_environment() {
        let (dir, mut files) = system();
        let file = dir.path().join("mine.toml");
        fs::write(&file, "[worker]\nconcurrency = 7\n[queue]\npoll_ms = 100\n").unwrap();
        files.named = Some(file.clone());

        let settings = built(Profile::Production, &[("TENANTRY__QUEUE__POLL_MS", "200")], &files);

        let settings = settings.unwrap();
        assert_eq!((settings.worker.concurrency, settings.queue.poll_ms), (7, 200));
        assert_eq!(settings.api.port, 9000);
        let by_name = [("TENANTRY_CONFIG_FILE", file.to_str().unwrap())];
        let by_name = built(Profile::Default, &by_name, &Files::default()).unwrap();
        assert_eq!(by_name.worker.concurrency, 7);
    }

    #[test]
    fn a_named_file_that_is_missing_or_wrong_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let bad = dir.path().join("bad.toml");
        fs::write(&bad, "[tenants]\nname_pattern = \"(\"\n").unwrap();

        for (file, told) in [(dir.path().join("gone.toml"), "no such file"), (bad, "name_pattern")]
        {
            let files = Files { search: None, named: Some(file) };
            let error = built(Profile::Default, &[], &files).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }
}
