//! The three layers, flattened: each path with its last value and where it stood.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

use crate::{
    Profile, Source,
    catalogue::{self, KEYS},
    error::Problem,
    misnamed,
    profile::PROFILE_VAR,
};

/// The variable that names a directory with files of the user's own.
pub(crate) const CONFIG_DIR_VAR: &str = "TENANTRY_CONFIG_DIR";

/// The variable that names one more file, over the others.
pub(crate) const CONFIG_FILE_VAR: &str = "TENANTRY_CONFIG_FILE";

/// Start of the variables that name a key by its path.
pub(crate) const PATH_PREFIX: &str = "TENANTRY__";

/// Name and built-in text of the bottom layer.
pub(crate) const DEFAULT_FILE: (&str, &str) =
    ("default.toml", include_str!("../../../config/default.toml"));

/// A value as its author wrote it.
pub(crate) enum Raw {
    /// From a file.
    Toml(Value),
    /// From the environment.
    Text(String),
}

/// A value and where it stood.
pub(crate) struct Found {
    pub(crate) raw: Raw,
    pub(crate) source: Source,
}

/// Files that are not named in the environment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Files {
    /// A directory that is looked into if the environment names none and it is there.
    pub(crate) search: Option<PathBuf>,
    /// One file more, over the others; wins over `TENANTRY_CONFIG_FILE`.
    pub(crate) named: Option<PathBuf>,
}

/// All layers, one over the other.
#[derive(Default)]
pub(crate) struct Layers {
    /// By path: `section.key`, for a map's entry `section.key.entry`.
    pub(crate) values: BTreeMap<String, Found>,
    /// What could not be read or is no key.
    pub(crate) problems: Vec<Problem>,
    /// The profile whose file lies between the defaults and the environment.
    pub(crate) profile: Profile,
}

impl Layers {
    /// Lays the files and the environment over each other.
    pub(crate) fn read(fallback: Profile, env: &BTreeMap<String, String>, files: &Files) -> Self {
        let mut layers = Self::default();
        layers.profile = layers.choose_profile(fallback, env);
        let named = |name| env.get(name).map(|it| unquoted(it)).filter(|it| !it.is_empty());
        let dir = match named(CONFIG_DIR_VAR) {
            Some(dir) => Some(Path::new(dir)),
            // A developer's own system does not begin to use a server's database.
            None if layers.profile == Profile::Dev => None,
            None => files.search.as_deref().filter(|dir| dir.is_dir()),
        };
        let has_ours = layers.files(dir);
        if let Some(dir) = named(CONFIG_DIR_VAR).filter(|_| !has_ours) {
            let profile = layers.profile.file().map(|(name, _)| format!(" nor a {name}"));
            let wanted = format!("{}{}", DEFAULT_FILE.0, profile.unwrap_or_default());
            layers.problem(CONFIG_DIR_VAR, format!("`{dir}` has no {wanted}"));
        }
        let one_more = files.named.as_deref();
        if let Some(file) = one_more.or_else(|| named(CONFIG_FILE_VAR).map(Path::new))
            && !layers.file_at(file)
        {
            layers.problem(file.display().to_string(), "there is no such file");
        }
        layers.paths_in(env);
        layers.names_in(env);
        layers.problems.extend(misnamed::problems(env));
        layers
    }

    fn choose_profile(&mut self, fallback: Profile, env: &BTreeMap<String, String>) -> Profile {
        let text = env.get(PROFILE_VAR).map(|text| unquoted(text));
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            return fallback;
        };
        Profile::named(text).unwrap_or_else(|| {
            let message = format!("must be default, dev or production, is `{text}`");
            self.problem(PROFILE_VAR, message);
            fallback
        })
    }

    /// The built-in defaults lie at the bottom always, so that a file of the
    /// user's own need not know the keys of the next release. False if the
    /// directory has no file of ours.
    fn files(&mut self, dir: Option<&Path>) -> bool {
        let (name, text) = DEFAULT_FILE;
        self.file(name, text);
        let has_default = dir.is_some_and(|dir| self.file_at(&dir.join(name)));
        let Some((name, text)) = self.profile.file() else { return has_default };
        let has_profile = dir.is_some_and(|dir| self.file_at(&dir.join(name)));
        if !has_profile {
            self.file(name, text);
        }
        has_default || has_profile
    }

    /// Lays the file over the rest; false if there is none.
    fn file_at(&mut self, path: &Path) -> bool {
        let shown = path.display().to_string();
        match fs::read_to_string(path) {
            Ok(text) => self.file(&shown, &text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return false,
            Err(error) => self.problem(shown, format!("could not be read: {error}")),
        }
        true
    }

    fn file(&mut self, name: &str, text: &str) {
        let table = match text.parse::<Table>() {
            Ok(table) => table,
            Err(error) => {
                // The error's own Display quotes the line, which may hold a secret.
                let start = error.span().map_or(0, |span| span.start);
                let line = text.bytes().take(start).filter(|b| *b == b'\n').count() + 1;
                return self.problem(format!("{name}:{line}"), error.message());
            }
        };
        for (section, value) in table {
            match value {
                Value::Table(keys) => self.section(name, &section, keys),
                _ => self.unknown(format!("{name}:{section}"), &section),
            }
        }
    }

    fn section(&mut self, file: &str, section: &str, keys: Table) {
        for (key, value) in keys {
            let path = format!("{section}.{key}");
            match (value, catalogue::find(&path)) {
                (Value::Table(entries), Some((key, None))) if key.is_map() => {
                    for (entry, value) in entries {
                        self.file_value(file, format!("{path}.{entry}"), value);
                    }
                }
                (value, _) => self.file_value(file, path, value),
            }
        }
    }

    fn file_value(&mut self, file: &str, path: String, value: Value) {
        if catalogue::find(&path).is_none() {
            return self.unknown(format!("{file}:{path}"), &path);
        }
        let source = Source::File(file.to_owned());
        self.values.insert(path, Found { raw: Raw::Toml(value), source });
    }

    fn paths_in(&mut self, env: &BTreeMap<String, String>) {
        for (name, text) in env {
            let Some(rest) = name.strip_prefix(PATH_PREFIX) else { continue };
            let path = rest.to_ascii_lowercase().replace("__", ".");
            if catalogue::find(&path).is_none() {
                self.unknown(name.clone(), &path);
            } else if rest != rest.to_ascii_uppercase() {
                let upper = rest.to_ascii_uppercase();
                self.problem(name.clone(), format!("must be upper case: {PATH_PREFIX}{upper}"));
            } else {
                self.env_value(name, path, text);
            }
        }
    }

    /// After [`Self::paths_in`]: where both are set, the name of its own wins.
    fn names_in(&mut self, env: &BTreeMap<String, String>) {
        for key in KEYS {
            if let Some((name, text)) = key.env.and_then(|name| env.get_key_value(name)) {
                self.env_value(name, key.path.to_owned(), text);
            }
        }
    }

    fn env_value(&mut self, name: &str, path: String, text: &str) {
        let text = unquoted(text);
        let optional = catalogue::find(&path).is_some_and(|(key, _)| key.optional);
        if optional && text.is_empty() {
            return; // `NAME: ${NAME:-}` in a compose file means: not set.
        }
        let source = Source::Environment(name.to_owned());
        self.values.insert(path, Found { raw: Raw::Text(text.to_owned()), source });
    }

    fn unknown(&mut self, place: String, path: &str) {
        self.problem(place, catalogue::hint(path));
    }

    fn problem(&mut self, place: impl Into<String>, message: impl Into<String>) {
        self.problems.push(Problem::new(place, message));
    }
}

/// The text without one pair of outer quotes: some loaders of environment files keep them.
pub(crate) fn unquoted(text: &str) -> &str {
    let within = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
    within('"').or_else(|| within('\'')).unwrap_or(text)
}
