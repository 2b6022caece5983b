//! Reads a folder of migrations, and finds files in it that would be left out without a word.

use std::path::{Path, PathBuf};
use std::{fs, io};

use super::load::LoadError;

#[derive(Debug, Clone)]
pub(super) struct File {
    /// As messages name it.
    pub(super) path: String,
    /// The sub-folder it lies in, if any.
    pub(super) folder: Option<String>,
    /// Its name without folder.
    pub(super) name: String,
    /// Its text as it is on the disk.
    pub(super) text: String,
    /// Whether a file beside it says that it runs outside any transaction.
    pub(super) no_transaction: bool,
}

impl File {
    /// A file of the folder itself, known by its path or name.
    pub(super) fn new(path: String, text: String) -> Self {
        let name = Path::new(&path).file_name().and_then(|n| n.to_str()).unwrap_or(&path);
        Self { folder: None, name: name.to_owned(), path, text, no_transaction: false }
    }
}

#[derive(Debug, Default)]
pub(super) struct Folder {
    pub(super) files: Vec<File>,
    pub(super) findings: Vec<LoadError>,
}

/// Reads it: the files, and those of its sub-folders, each level sorted by name.
pub(super) fn read(folder: &Path) -> Folder {
    let mut found = Folder::default();
    match entries(folder) {
        Err(error) => found.findings.push(unreadable(folder, error)),
        Ok(paths) => paths.iter().for_each(|path| found.take(path, None)),
    }
    found
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| entry.map(|e| e.path())).collect::<io::Result<_>>()?;
    paths.sort();
    Ok(paths)
}

fn unreadable(path: &Path, error: io::Error) -> LoadError {
    LoadError::new(&path.display().to_string(), "unreadable", "cannot be read").because(error)
}

impl Folder {
    fn take(&mut self, path: &Path, within: Option<&str>) {
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_owned();
        // hidden files and an editor's copies
        if name.starts_with('.') || name.ends_with('~') {
            return;
        }
        if path.is_dir() {
            self.take_folder(path, &name, within);
        } else if path.extension().is_some_and(|e| e == "sql") {
            self.take_file(path, name, within);
        } else if looks_like_a_migration(&name) && !name.ends_with(".sql.conf") {
            let message = "looks like a migration and is not taken: only files that end in .sql, in \
                           small letters, are";
            let path = path.display().to_string();
            self.findings.push(LoadError::new(&path, "not_taken", message));
        }
    }

    fn take_folder(&mut self, path: &Path, name: &str, within: Option<&str>) {
        match entries(path) {
            Err(error) => self.findings.push(unreadable(path, error)),
            Ok(_) if within.is_some() => {}
            Ok(paths) => paths.iter().for_each(|path| self.take(path, Some(name))),
        }
    }

    fn take_file(&mut self, path: &Path, name: String, within: Option<&str>) {
        let shown = path.display().to_string();
        match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                let message = "is not UTF-8; save it as UTF-8";
                self.findings.push(LoadError::new(&shown, "unreadable", message).because(error));
            }
            Err(error) => self.findings.push(unreadable(path, error)),
            Ok(text) => {
                let folder = within.map(str::to_owned);
                let no_transaction = says_no_transaction(path, within);
                self.files.push(File { path: shown, folder, name, text, no_transaction });
            }
        }
    }
}

/// Flyway's `V2__b.sql.conf` beside the file, and diesel's `metadata.toml` in its folder.
fn says_no_transaction(file: &Path, within: Option<&str>) -> bool {
    let says = |path: PathBuf, key: &str| {
        let text = fs::read_to_string(path).unwrap_or_default();
        let mut settings = text.lines().filter_map(|line| line.split_once('='));
        settings.any(|(name, value)| name.trim() == key && value.trim() == "false")
    };
    says(file.with_extension("sql.conf"), "executeInTransaction")
        || within.is_some() && says(file.with_file_name("metadata.toml"), "run_in_transaction")
}

/// `2_b.SQL`, `0002_b.txt`, `V2__b.java`: named like a migration, and not SQL by its end.
fn looks_like_a_migration(name: &str) -> bool {
    let numbered = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    let flyway = name.strip_prefix(['V', 'B', 'U', 'R']).is_some_and(|rest| {
        rest.split_once("__").is_some_and(|(version, _)| version.is_empty() || numbered(version))
    });
    let sql = Path::new(name).extension().is_some_and(|e| e.eq_ignore_ascii_case("sql"));
    numbered(name) || flyway || sql
}
