//! Makes a set of migration files, and refuses what would leave the tenant's schema or transaction.

use std::io;
use std::path::Path;

use domain::Version;

use super::folder::{self, File, Folder};
use super::format::Format;
use super::marks::{self, Marks};
use super::names::{self, Named};
use super::sections::{self, Half, Halves};
use super::set::{Migration, MigrationSet, Way, checksum};
use crate::lint;
use crate::shared::Shared;

/// How to read a folder of migrations.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// The format; `None` = the one that the files have.
    pub format: Option<Format>,
    /// A folder without any migration is a set of none, and no mistake.
    pub may_be_empty: bool,
    /// The roles that a migration may give rights to; `None` = any, but PUBLIC and those of tenants.
    pub granted_roles: Option<Vec<String>>,
    /// What migrations may use outside their tenant's schema.
    pub shared: Shared,
    /// The version at which new tenants begin: its file makes all that the older ones make. Flyway's files say
    /// it themselves.
    pub baseline: Option<Version>,
}

/// A set, and what is wrong with it: then it must not be used.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) set: MigrationSet,
    pub(super) findings: Vec<LoadError>,
}

impl Loaded {
    /// The set, or the first finding with the number of the others.
    pub(super) fn into_result(self) -> Result<MigrationSet, LoadError> {
        let more = self.findings.len().saturating_sub(1);
        match self.findings.into_iter().next() {
            None => Ok(self.set),
            Some(first) => Err(LoadError { more, ..first }),
        }
    }
}

/// A migration file that cannot be used: where, which rule, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{file}:{line}: {message} [{code}]{}", others(*more))]
pub struct LoadError {
    /// The file as it was given, or its folder.
    pub file: String,
    /// The line in the file, from 1.
    pub line: u32,
    /// Which rule was broken. Stable.
    pub code: &'static str,
    /// What is wrong, in a sentence.
    pub message: String,
    /// How many more findings there are in the folder.
    pub more: usize,
    /// Why it could not be read, if that is the trouble.
    #[source]
    pub source: Option<io::Error>,
}

fn others(more: usize) -> String {
    match more {
        0 => String::new(),
        1 => "; `tenantry migrate lint` shows one more finding".to_owned(),
        more => format!("; `tenantry migrate lint` shows {more} more findings"),
    }
}

impl LoadError {
    pub(super) fn new(file: &str, code: &'static str, message: impl Into<String>) -> Self {
        let (file, message) = (file.to_owned(), message.into());
        Self { file, line: 1, code, message, more: 0, source: None }
    }

    pub(super) fn at(self, line: u32) -> Self {
        Self { line, ..self }
    }

    pub(super) fn because(self, source: io::Error) -> Self {
        Self { source: Some(source), ..self }
    }
}

pub(super) fn from_folder(path: &Path, reading: Reading) -> Loaded {
    let folder = folder::read(path);
    let empty = folder.files.is_empty() && folder.findings.is_empty() && !reading.may_be_empty;
    let mut loaded = from(folder, &reading);
    if empty {
        let message = "holds no migrations, so tenants would have no tables; if they are to have none, \
                       set `tenants.migrations_may_be_empty`";
        let path = path.display().to_string();
        loaded.findings.push(LoadError::new(&path, "empty_set", message));
    }
    loaded
}

/// Makes a set of files, each a path or name and its text.
pub(super) fn from_files(files: impl IntoIterator<Item = (String, String)>) -> Loaded {
    let files = files.into_iter().map(|(path, text)| File::new(path, text)).collect();
    from(Folder { files, ..Folder::default() }, &Reading::default())
}

/// One half of a file, or two: a file that goes forward, with its way back.
struct Read {
    named: Named,
    path: String,
    halves: Halves,
    earlier: Vec<String>,
}

fn from(folder: Folder, reading: &Reading) -> Loaded {
    let format = reading.format.unwrap_or_else(|| Format::recognise(&folder.files));
    let mut findings = folder.findings;
    let mut read = Vec::new();
    for file in &folder.files {
        match read_file(format, file) {
            Ok(file) => read.push(file),
            Err(finding) => findings.push(finding),
        }
    }
    let (downs, mut ups): (Vec<Read>, Vec<Read>) = read.into_iter().partition(|r| r.named.down);
    ups.sort_by(|a, b| names::order(format, &a.named, &b.named));
    findings.extend(repeated(format, &ups));
    findings.extend(repeated(format, &downs));
    let shared = &reading.shared;
    let baseline = baseline(reading, &ups).unwrap_or_else(|unknown| {
        findings.push(unknown);
        None
    });
    let downs = pair(&mut ups, downs, &mut findings);
    let mut pairs: Vec<(Read, Option<Read>)> = ups.into_iter().zip(downs).collect();
    let superseded = match baseline {
        Some(at) => superseded(format, &mut pairs, at, &mut findings),
        None => Vec::new(),
    };
    let mut made = |of: Vec<_>| {
        of.into_iter()
            .map(|(up, down)| migration(format, shared, up, down, &mut findings))
            .collect()
    };
    let superseded = made(superseded);
    let set = MigrationSet::new(made(pairs)).standing_for(superseded);
    let set = set.sharing(shared);
    findings.extend(unknown_roles(&folder.files, reading));
    Loaded { set, findings }
}

fn read_file(format: Format, file: &File) -> Result<Read, LoadError> {
    let named = names::parse(format, file)?;
    let text = equal_line_ends(&file.text);
    if format == Format::Flyway && text.contains("${") {
        let message = "has a placeholder of Flyway (${…}), which is not filled in";
        return Err(LoadError::new(&file.path, "instruction", message));
    }
    let halves = sections::split(format, file, &text)?;
    // what releases before this one recorded: the whole file, byte for byte, with the line ends it had
    let crlf = text.replace('\n', "\r\n");
    let earlier = [file.text.as_str(), &text, &crlf].map(checksum).into();
    Ok(Read { named, path: file.path.clone(), halves, earlier })
}

/// Without a byte order mark, and with LF alone: what an editor or git does to a file changes nothing.
fn equal_line_ends(text: &str) -> String {
    text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n")
}

fn repeated(format: Format, files: &[Read]) -> Vec<LoadError> {
    let mut findings = Vec::new();
    for (at, later) in files.iter().enumerate() {
        let same = |r: &&Read| {
            r.named.baseline == later.named.baseline
                && names::are_one(format, &r.named, &later.named)
        };
        if let Some(first) = files[..at].iter().find(same) {
            let message = format!("has the version of {} again", first.named.file);
            findings.push(LoadError::new(&later.path, "duplicate_version", message));
        }
    }
    findings
}

/// Where the newest baseline is: the one that the settings name, or Flyway's.
fn baseline(reading: &Reading, ups: &[Read]) -> Result<Option<usize>, LoadError> {
    let Some(version) = &reading.baseline else {
        return Ok(ups.iter().rposition(|r| r.named.baseline));
    };
    let is_named = |r: &Read| r.named.version == *version;
    let message = format!("there is no migration {version}, which `tenants.baseline` names");
    let unknown = || LoadError::new(version.as_str(), "unknown_baseline", message);
    ups.iter().position(is_named).map(Some).ok_or_else(unknown)
}

/// The baseline takes the place of all migrations up to its version. New tenants do not get those; a tenant
/// that has some of them is given the others.
fn superseded(
    format: Format,
    files: &mut Vec<(Read, Option<Read>)>,
    at: usize,
    findings: &mut Vec<LoadError>,
) -> Vec<(Read, Option<Read>)> {
    let (mut baseline, down) = files.remove(at);
    let is_older = |r: &Read| names::order(format, &r.named, &baseline.named).is_le();
    let (mut older, newer): (Vec<_>, Vec<_>) = files.drain(..).partition(|(r, _)| is_older(r));
    older.retain(|(r, _)| !r.named.baseline);
    let same = older.iter().find(|(r, _)| names::are_one(format, &r.named, &baseline.named));
    match same {
        // who has this one has all of the baseline
        Some((same, _)) => baseline.earlier.extend(same.earlier.iter().cloned()),
        None if baseline.named.baseline && !older.is_empty() => {
            let message = "older files are here, and none of this version: tenants that have some of them \
                           cannot get to the baseline; keep the V file of its version";
            findings.push(LoadError::new(&baseline.path, "baseline_gap", message));
        }
        None => {}
    }
    files.push((baseline, down));
    files.extend(newer);
    older
}

/// The way back that lies in a file of its own, for each.
fn pair(
    ups: &mut [Read],
    mut downs: Vec<Read>,
    findings: &mut Vec<LoadError>,
) -> Vec<Option<Read>> {
    let paired = ups.iter().map(|up| {
        let at = downs.iter().position(|down| down.named.version == up.named.version)?;
        Some(downs.remove(at))
    });
    let paired = paired.collect();
    findings.extend(downs.iter().map(|orphan| {
        let message = "is a way back, and there is no file for the way forward beside it";
        LoadError::new(&orphan.path, "down_without_up", message)
    }));
    paired
}

fn migration(
    format: Format,
    shared: &Shared,
    up: Read,
    down: Option<Read>,
    findings: &mut Vec<LoadError>,
) -> Migration {
    let Read { named, path, halves, mut earlier } = up;
    let Named { version, former, description, file, .. } = named;
    let sectioned = matches!(format, Format::Dbmate | Format::Goose | Format::SqlMigrate);
    // what stands between two sections belongs to neither
    let text = &halves.up.text;
    let text = if sectioned { text.trim_end() } else { text };
    // a mark that is put before an applied file does not make another file of it
    earlier.extend(marks::before(text).iter().map(|unmarked| checksum(unmarked)));
    let checksum = checksum(text);
    let up = prepare(&path, file.clone(), &halves.up, shared, findings);
    let down = match (halves.down, down) {
        (Some(half), _) => Some(prepare(&path, file, &half, shared, findings)),
        (None, Some(down)) => {
            Some(prepare(&down.path, down.named.file, &down.halves.up, shared, findings))
        }
        (None, None) => None,
    };
    Migration { version, former, description, checksum, earlier, up, down }
}

/// GRANTs to roles that the settings do not name.
fn unknown_roles(files: &[File], reading: &Reading) -> Vec<LoadError> {
    let Some(known) = &reading.granted_roles else { return Vec::new() };
    let mut findings = Vec::new();
    for file in files {
        let grantees = lint::prepare(&equal_line_ends(&file.text), &reading.shared, false).grantees;
        for (line, role) in grantees.into_iter().filter(|(_, role)| !known.contains(role)) {
            let message =
                format!("gives rights to role {role}, which `tenants.granted_roles` has not");
            findings.push(LoadError::new(&file.path, "unknown_role", message).at(line));
        }
    }
    findings
}

/// Checks a text and makes it ready to run.
fn prepare(
    path: &str,
    file: String,
    half: &Half,
    shared: &Shared,
    findings: &mut Vec<LoadError>,
) -> Way {
    let Marks { no_transaction, timeout, needs_shared } = half.marks.clone();
    let prepared = lint::prepare(&half.text, shared, no_transaction);
    findings.extend(
        prepared.findings.into_iter().map(|f| LoadError::new(path, f.code, f.message).at(f.line)),
    );
    Way { file, sql: prepared.sql, statements: prepared.statements, timeout, needs_shared }
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
