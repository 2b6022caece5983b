//! What the name of a migration says: version, words, way, and its place among the others.

use std::cmp::Ordering;

use domain::{MAX_VERSION_CHARACTERS, Version};

use super::folder::File;
use super::format::{Format, is_dated};
use super::load::LoadError;

#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) version: Version,
    /// What releases before this one took for the version.
    pub(super) former: Option<Version>,
    pub(super) description: String,
    /// How the file is named to people.
    pub(super) file: String,
    /// It is a way back.
    pub(super) down: bool,
    /// Flyway: it stands for all migrations up to its version.
    pub(super) baseline: bool,
}

/// Reads a file's name, or that of its folder.
pub(super) fn parse(format: Format, file: &File) -> Result<Named, LoadError> {
    let (stem, down) = stem(format, file)?;
    let (version, words) = divided(format, stem)
        .filter(|(version, words)| {
            version.chars().count() <= MAX_VERSION_CHARACTERS && !words.contains('\0')
        })
        .ok_or_else(|| bad(format, file))?;
    let (version, description) = (Version::new(version), words.replace('_', " ").trim().to_owned());
    let former = (!down).then(|| former(file)).flatten().filter(|former| *former != version);
    let baseline = format == Format::Flyway && stem.starts_with('B');
    let shown = match &file.folder {
        Some(folder) if format.has_folders() => format!("{folder}/{}", file.name),
        _ => file.name.clone(),
    };
    Ok(Named { version, former, description, file: shown, down, baseline })
}

/// The version and the words of a name.
fn divided(format: Format, stem: &str) -> Option<(String, &str)> {
    match format {
        Format::Dated => dated(stem),
        Format::Sqlx | Format::GolangMigrate => numbered(stem),
        Format::Goose => {
            numbered(stem).filter(|(version, _)| Version::new(version.as_str()) != "0")
        }
        Format::Dbmate => {
            let digits = stem.len() - stem.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let (version, rest) = stem.split_at(digits);
            (digits > 0).then(|| (version.to_owned(), rest))
        }
        Format::Flyway => flyway(stem),
        Format::Diesel => {
            let (version, rest) = stem.split_once('_')?;
            let version = version.replace('-', "");
            let digits = !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit());
            digits.then_some((version, rest))
        }
        Format::SqlMigrate | Format::Prisma | Format::ByName => Some((stem.to_owned(), stem)),
    }
}

fn bad(format: Format, file: &File) -> LoadError {
    let form = match format {
        Format::Dated => "YYYYMMDD_NNNNNN_<words>.sql",
        Format::Sqlx => "<version>_<words>[.up|.down].sql",
        Format::GolangMigrate => "<version>_<words>.up.sql or .down.sql",
        Format::Dbmate => "<digits>….sql",
        Format::Goose => "<number from 1>_<words>.sql",
        Format::Flyway => "V<version>__<words>.sql",
        Format::Diesel => "<digits>_<words>/up.sql or /down.sql",
        Format::Prisma => "<name>/migration.sql",
        Format::SqlMigrate | Format::ByName => "<name>.sql",
    };
    let message = format!(
        "is not named {form}, as {format} has it; `tenants.migrations_format` names another format, \
         `by-name` takes any names in their order"
    );
    LoadError::new(&file.path, "bad_name", message)
}

/// The part of the name that has the version, and whether it is a way back.
fn stem(format: Format, file: &File) -> Result<(&str, bool), LoadError> {
    let wrong = || bad(format, file);
    match (&file.folder, format) {
        (Some(folder), Format::Diesel) => match file.name.as_str() {
            "up.sql" => Ok((folder, false)),
            "down.sql" => Ok((folder, true)),
            _ => Err(wrong()),
        },
        (Some(folder), Format::Prisma) if file.name == "migration.sql" => Ok((folder, false)),
        (Some(_), format) if !format.has_folders() => {
            let message =
                "lies in a sub-folder, where it is not taken; put all files into one folder";
            Err(LoadError::new(&file.path, "not_taken", message))
        }
        (None, format) if !format.has_folders() => {
            let stem = file.name.strip_suffix(".sql").ok_or_else(wrong)?;
            let pairs = matches!(format, Format::Sqlx | Format::GolangMigrate | Format::ByName);
            let found = match (stem.strip_suffix(".up"), stem.strip_suffix(".down")) {
                (Some(stem), _) if pairs => (stem, false),
                (_, Some(stem)) if pairs => (stem, true),
                _ if format == Format::GolangMigrate => return Err(wrong()),
                _ => (stem, false),
            };
            if format == Format::Flyway { flyway_kind(file, stem) } else { Ok(()) }?;
            Ok(found)
        }
        _ => Err(wrong()),
    }
}

fn numbered(stem: &str) -> Option<(String, &str)> {
    let (version, rest) = stem.split_once('_')?;
    Version::new(version).number().map(|_| (version.to_owned(), rest))
}

fn dated(stem: &str) -> Option<(String, &str)> {
    let rest = stem.splitn(3, '_').nth(2).filter(|_| is_dated(stem))?;
    Some((stem[..stem.len() - rest.len() - 1].to_owned(), rest))
}

/// Repeatable and undo migrations have no place in a set that each tenant gets once.
fn flyway_kind(file: &File, stem: &str) -> Result<(), LoadError> {
    let message = match stem.chars().next() {
        Some('R') => {
            "is a repeatable migration: a tenant gets each migration once; make it a V migration, and \
             another one for each change"
        }
        Some('U') => {
            "is an undo migration, which is not run; write its statements as a V migration"
        }
        _ => return Ok(()),
    };
    Err(LoadError::new(&file.path, "not_taken", message))
}

fn flyway(stem: &str) -> Option<(String, &str)> {
    let (version, rest) = stem.strip_prefix(['V', 'B'])?.split_once("__")?;
    let version = version.replace('_', ".");
    let numbers =
        version.split('.').all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    numbers.then_some((version, rest))
}

/// `<number>_<words>.sql` was all that releases before this one took, and the number the version.
fn former(file: &File) -> Option<Version> {
    let stem = file.name.strip_suffix(".sql")?;
    let (version, _) = stem.split_once('_')?;
    let version = Version::new(version);
    version.number().filter(|number| *number > 0 && file.folder.is_none()).map(|_| version)
}

/// Which of two comes first, as the tool has it.
pub(super) fn order(format: Format, a: &Named, b: &Named) -> Ordering {
    let (one, other) = (a.version.as_str(), b.version.as_str());
    match format {
        Format::Dated | Format::Sqlx | Format::GolangMigrate | Format::Goose => {
            a.version.compare_for_display(&b.version)
        }
        Format::Dbmate => a.file.cmp(&b.file),
        Format::SqlMigrate => leading(one).cmp(&leading(other)).then(one.cmp(other)),
        Format::Flyway => dotted(one).cmp(&dotted(other)),
        Format::Diesel | Format::Prisma | Format::ByName => one.cmp(other),
    }
}

/// sql-migrate: by the number that the name begins with; names without one come last.
fn leading(name: &str) -> (bool, usize, &str) {
    let digits = name.len() - name.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let number = name[..digits].trim_start_matches('0');
    (digits == 0, number.len(), number)
}

/// Flyway: part by part, and zeros at the end are nothing: 1.0 is 1.
fn dotted(version: &str) -> Vec<(usize, &str)> {
    let part = |part: &'_ str| part.trim_start_matches('0').len();
    let mut parts: Vec<_> =
        version.split('.').map(|p| (part(p), p.trim_start_matches('0'))).collect();
    while parts.len() > 1 && parts.last().is_some_and(|(length, _)| *length == 0) {
        parts.pop();
    }
    parts
}

/// Whether both are one version to the tool.
pub(super) fn are_one(format: Format, a: &Named, b: &Named) -> bool {
    match format {
        Format::Flyway => dotted(a.version.as_str()) == dotted(b.version.as_str()),
        _ => a.version == b.version,
    }
}
