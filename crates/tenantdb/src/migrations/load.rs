//! Reads migration files and refuses what would leave the tenant's schema or transaction.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use domain::Version;

use super::set::{Down, Migration, MigrationSet, checksum};
use crate::lint;

/// A migration file that cannot be used: where, which rule, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{file}:{line}: {message} [{code}]")]
pub struct LoadError {
    /// The file as it was given, or its folder.
    pub file: String,
    /// The line in the file, from 1.
    pub line: u32,
    /// Which rule was broken. Stable.
    pub code: &'static str,
    /// What is wrong, in a sentence.
    pub message: String,
    /// Why it could not be read, if that is the trouble.
    #[source]
    pub source: Option<io::Error>,
}

/// The marker by which SQLx runs a migration outside of a transaction.
const NO_TRANSACTION: &str = "-- no-transaction";

pub(super) fn from_folder(folder: &Path) -> Result<MigrationSet, LoadError> {
    let unreadable = |path: &Path, source: io::Error| LoadError {
        source: Some(source),
        ..refusal(&path.display().to_string(), "unreadable", "cannot be read")
    };
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .and_then(|entries| entries.map(|e| e.map(|e| e.path())).collect())
        .map_err(|e| unreadable(folder, e))?;
    paths.retain(|path| path.extension().is_some_and(|e| e == "sql"));
    paths.sort();
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        let sql = fs::read_to_string(&path).map_err(|e| unreadable(&path, e))?;
        files.push((path.display().to_string(), sql));
    }
    from_files(files)
}

/// Makes a set of files, each a path or name and its text.
pub(super) fn from_files(
    files: impl IntoIterator<Item = (String, String)>,
) -> Result<MigrationSet, LoadError> {
    let mut ups: BTreeMap<i64, (Named, String)> = BTreeMap::new();
    let mut downs: BTreeMap<i64, (Named, String)> = BTreeMap::new();
    for (path, sql) in files {
        let named = Named::parse(&path)?;
        check(&path, &sql)?;
        let half = if named.down { &mut downs } else { &mut ups };
        if let Some((earlier, _)) = half.get(&named.version) {
            let message = format!("has the version of {} again", earlier.file);
            return Err(refusal(&path, "duplicate_version", &message));
        }
        half.insert(named.version, (named, sql));
    }
    if let Some((_, (orphan, _))) = downs.iter().find(|(version, _)| !ups.contains_key(version)) {
        return Err(refusal(&orphan.file, "down_without_up", "has no .up.sql beside it"));
    }
    let migrations = ups.into_iter().map(|(number, (named, sql))| {
        let down = downs.remove(&number).map(|(named, sql)| Down { file: named.file, sql });
        let Named { spelling, description, file, .. } = named;
        let (version, checksum) = (Version::new(spelling), checksum(&sql));
        Migration { version, description, file, sql, checksum, down }
    });
    Ok(MigrationSet::new(migrations.collect()))
}

fn check(path: &str, sql: &str) -> Result<(), LoadError> {
    if let Some(at) = sql.lines().position(|line| line.trim_start().starts_with(NO_TRANSACTION)) {
        let line = u32::try_from(at + 1).unwrap_or(u32::MAX);
        let refused = refusal(path, "no_transaction", "asks to run without a transaction");
        return Err(LoadError { line, ..refused });
    }
    lint::check(sql).map_err(|finding| LoadError {
        line: finding.line,
        ..refusal(path, finding.code, &finding.message)
    })
}

fn refusal(file: &str, code: &'static str, message: &str) -> LoadError {
    LoadError { file: file.to_owned(), line: 1, code, message: message.to_owned(), source: None }
}

/// What a file's name says.
#[derive(Debug)]
struct Named {
    version: i64,
    spelling: String,
    description: String,
    file: String,
    down: bool,
}

impl Named {
    fn parse(path: &str) -> Result<Self, LoadError> {
        let file = Path::new(path).file_name().and_then(|n| n.to_str()).unwrap_or(path);
        let bad =
            || refusal(path, "bad_name", "is not named <version>_<description>[.up|.down].sql");
        let stem = file.strip_suffix(".sql").ok_or_else(bad)?;
        let (stem, down) = match (stem.strip_suffix(".down"), stem.strip_suffix(".up")) {
            (Some(stem), _) => (stem, true),
            (None, Some(stem)) => (stem, false),
            (None, None) => (stem, false),
        };
        let (version, words) = stem.split_once('_').ok_or_else(bad)?;
        let digits = version.bytes().all(|b| b.is_ascii_digit());
        let spelling = version.to_owned();
        let version = version.parse().ok().filter(|v| digits && *v > 0).ok_or_else(bad)?;
        let description = words.replace('_', " ");
        if description.trim().is_empty() || description.contains('\0') {
            return Err(bad());
        }
        Ok(Self { version, spelling, description, file: file.to_owned(), down })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(files: &[(&str, &str)]) -> Result<MigrationSet, LoadError> {
        from_files(files.iter().map(|(f, s)| ((*f).to_owned(), (*s).to_owned())))
    }

    fn code(files: &[(&str, &str)]) -> &'static str {
        set(files).unwrap_err().code
    }

    #[test]
    fn the_embedded_migrations_load() {
        let set = MigrationSet::embedded();

        assert_eq!(set.iter().map(Migration::version).collect::<Vec<_>>(), ["1", "2"]);
        assert!(set.head().is_some_and(|head| head.as_str() == "0002"));
        assert!(set.iter().all(Migration::is_reversible));
    }

    #[test]
    fn versions_are_numbers_and_sort_as_such() {
        let set = set(&[
            ("10_c.sql", ""),
            ("9_b_b.up.sql", ""),
            ("9_b_b.down.sql", ""),
            ("0001_a.sql", ""),
        ]);

        let set = set.unwrap();
        assert_eq!(set.iter().map(Migration::version).collect::<Vec<_>>(), ["1", "9", "10"]);
        assert_eq!(set.iter().map(Migration::description).collect::<Vec<_>>(), ["a", "b b", "c"]);
        assert_eq!(
            set.iter().map(Migration::is_reversible).collect::<Vec<_>>(),
            [false, true, false]
        );
    }

    #[test]
    fn a_version_twice_is_refused() {
        assert_eq!(code(&[("1_a.sql", ""), ("01_b.up.sql", "")]), "duplicate_version");
        assert_eq!(
            code(&[("1_a.sql", ""), ("1_a.down.sql", ""), ("01_b.down.sql", "")]),
            "duplicate_version"
        );
    }

    #[test]
    fn a_name_without_version_is_refused_and_not_passed_over() {
        for name in [
            "person.sql",
            "a_person.sql",
            "-1_x.sql",
            "+1_x.sql",
            "0_x.sql",
            "1_.sql",
            "1.sql",
            "99999999999999999999_x.sql",
        ] {
            assert_eq!(code(&[(name, "")]), "bad_name", "{name}");
        }
        assert_eq!(code(&[("1_a.down.sql", "")]), "down_without_up");
    }

    #[test]
    fn leaving_the_transaction_by_sqlx_marker_is_refused_with_its_line() {
        let refused = set(&[("1_a.sql", "select 1;\n-- no-transaction\n")]).unwrap_err();

        assert_eq!((refused.code, refused.line), ("no_transaction", 2));
    }

    #[test]
    fn down_scripts_are_checked_too() {
        let refused = set(&[("1_a.up.sql", ""), ("1_a.down.sql", "\n\ncommit;")]).unwrap_err();

        assert_eq!((refused.code, refused.line), ("transaction_control", 3));
        assert!(refused.to_string().starts_with("1_a.down.sql:3: "), "{refused}");
    }

    #[test]
    fn any_change_of_a_text_changes_checksum_and_hash() {
        let one = set(&[("1_a.sql", "select 1")]).unwrap();
        let two = set(&[("1_a.sql", "select 1 ")]).unwrap();

        assert_ne!(one.hash(), two.hash());
        assert_ne!(one.iter().next().unwrap().checksum(), two.iter().next().unwrap().checksum());
    }

    #[test]
    fn a_folder_is_read_and_other_files_are_left_aside() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("1_a.sql"), "select 1").unwrap();
        fs::write(folder.path().join("README.md"), "words").unwrap();

        assert_eq!(MigrationSet::load(folder.path()).unwrap().head(), Some(&"1".into()));
        let gone = MigrationSet::load(&folder.path().join("gone")).unwrap_err();
        assert_eq!(gone.code, "unreadable");
        assert!(gone.source.is_some());
    }
}
