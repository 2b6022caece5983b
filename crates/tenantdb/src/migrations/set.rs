//! The migrations every tenant is to have.

use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use domain::Version;
use sha2::{Digest, Sha384};

use super::load::{self, LoadError, Reading};
use crate::ledger;
use crate::lint::Statement;
use crate::shared::{Shared, TenantPath};

const EMBEDDED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/tenant_migrations.rs"));

/// Every migration of a tenant's schema, oldest first, each of them checked. Cheap to clone.
#[derive(Debug, Clone)]
pub struct MigrationSet {
    pub(super) migrations: Arc<[Migration]>,
    hash: Arc<str>,
    shared: Arc<Shared>,
    /// What the first migration stands for, where that is a baseline: no new tenant gets it, and whoever has
    /// a part of it is given the rest. Oldest first.
    pub(super) superseded: Arc<[Migration]>,
    /// The versions before which a transaction has to end, beside those that the files mark; `None` = not
    /// learnt yet.
    pub(crate) boundaries: Option<Arc<[Version]>>,
    /// Whether an empty schema takes all of it in one transaction; true until it is learnt.
    one_transaction: bool,
}

impl MigrationSet {
    /// The migrations this program was built with: `migrations/tenant`.
    pub fn embedded() -> Self {
        static SET: LazyLock<MigrationSet> = LazyLock::new(|| {
            load::from_files(EMBEDDED.iter().map(|(file, sql)| ((*file).into(), (*sql).into())))
                .into_result()
                .expect("a test holds that the migrations of this repository load")
        });
        SET.clone()
    }

    /// Reads and checks a folder of migrations, in the format that its files have.
    ///
    /// # Errors
    /// As [`MigrationSet::load_as`]; an empty folder too.
    pub fn load(folder: &Path) -> Result<Self, LoadError> {
        Self::load_as(folder, Reading::default())
    }

    /// Reads and checks a folder of migrations.
    ///
    /// # Errors
    /// [`LoadError`] with file, line, a stable code and a sentence, at the first file that is
    /// misnamed, unreadable, a version twice, or does what no tenant migration may.
    pub fn load_as(folder: &Path, reading: Reading) -> Result<Self, LoadError> {
        load::from_folder(folder, reading).into_result()
    }

    /// Everything that [`MigrationSet::load_as`] would refuse in a folder.
    pub fn lint(folder: &Path, reading: Reading) -> Vec<LoadError> {
        load::from_folder(folder, reading).findings
    }

    /// A set without migrations.
    pub fn empty() -> Self {
        Self::new(Vec::new())
    }

    /// The set without these: what a tenant has that lacks them. It has a hash of its own.
    #[must_use]
    pub fn without(&self, missing: &[&Migration]) -> Self {
        if missing.is_empty() {
            return self.clone();
        }
        let lacks = |m: &&Migration| !missing.iter().any(|it| it.version == m.version);
        let has_part = missing.iter().any(|it| self.is_superseded(it));
        // Whoever has a part of what a baseline stands for does not have the baseline.
        let (before, skipped) =
            if has_part { (&self.superseded[..], 1) } else { (&self.superseded[..0], 0) };
        let has = before.iter().chain(self.iter().skip(skipped)).filter(lacks).cloned();
        let part = Self::new(has.collect()).sharing(&self.shared);
        let superseded = if has_part { Arc::default() } else { self.superseded.clone() };
        Self { superseded, boundaries: self.boundaries.clone(), ..part }
    }

    /// What of the set a tenant has that is at these versions, of this set or of another one; `None` where the
    /// set lacks one of them.
    #[must_use]
    pub fn only(&self, versions: &[Version]) -> Option<Self> {
        let has = |m: &Migration, version: &Version| m.version == *version;
        let is_known = |v| self.iter().chain(self.superseded.iter()).any(|m| has(m, v));
        let is_named = |m: &&Migration| versions.contains(&m.version);
        let baseline = self.iter().take(usize::from(!self.superseded.is_empty()));
        let behind = self.iter().skip(baseline.len());
        let mut missing: Vec<&Migration> = behind.filter(|m| !is_named(m)).collect();
        if !baseline.clone().any(|m| is_named(&m)) {
            missing.extend(self.superseded.iter().filter(|m| !is_named(m)));
        }
        versions.iter().all(is_known).then(|| self.without(&missing))
    }

    /// The newest version; `None` for an empty set.
    pub fn head(&self) -> Option<&Version> {
        self.migrations.last().map(Migration::version)
    }

    /// The versions below the newest, oldest first.
    pub fn older(&self) -> Vec<Version> {
        let (_, older) = self.migrations.split_last().unzip();
        older.unwrap_or_default().iter().map(|m: &Migration| m.version.clone()).collect()
    }

    /// The place of a version in the set, from 0: what decides which of two versions is newer.
    pub fn place(&self, version: &Version) -> Option<usize> {
        self.migrations.iter().position(|m| m.version == *version)
    }

    /// Changes whenever a version, the text of a migration or what tenants share does; hexadecimal.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// What tenants that have this set share.
    pub fn shared(&self) -> &Shared {
        &self.shared
    }

    /// The search path of tenants that have this set.
    pub fn path(&self) -> TenantPath {
        self.shared.path()
    }

    /// Whether a file of it needs a shared migration.
    #[must_use]
    pub fn needs_shared(&self) -> bool {
        self.iter().any(|m| m.needs_shared().is_some())
    }

    /// Whether a constraint may be deferred: only then is there anything to settle between two files.
    pub(super) fn defers(&self) -> bool {
        self.iter().any(|m| m.sql().to_ascii_lowercase().contains("defer"))
    }

    /// The migrations, oldest first.
    pub fn iter(&self) -> std::slice::Iter<'_, Migration> {
        self.migrations.iter()
    }

    /// The set of these, oldest first.
    pub(super) fn new(migrations: Vec<Migration>) -> Self {
        let hash = ledger::hash(migrations.iter().map(|m| (&m.version, m.checksum.as_str())));
        Self {
            migrations: migrations.into(),
            hash: hash.into(),
            shared: Arc::default(),
            superseded: Arc::default(),
            boundaries: None,
            one_transaction: true,
        }
    }

    /// The set for tenants that share this.
    #[must_use]
    pub fn sharing(self, shared: &Shared) -> Self {
        let Some(key) = shared.key() else { return self };
        let hash = checksum(&format!("{};{key}", self.hash)).into();
        Self { hash, shared: Arc::new(shared.clone()), ..self }
    }

    /// The set with what was learnt of it: versions before which a transaction has to end
    /// ([`super::boundaries()`]).
    #[must_use]
    pub fn cut_before(self, boundaries: &[Version]) -> Self {
        Self { boundaries: Some(boundaries.into()), ..self }
    }

    /// The set with what was learnt of it: whether an empty schema takes all of it in one transaction
    /// ([`crate::Promise::is_one_transaction`]).
    #[must_use]
    pub fn in_one_transaction(self, one_transaction: bool) -> Self {
        Self { one_transaction, ..self }
    }

    /// Whether an empty schema takes all of the set in one transaction: only then tenants may be made in
    /// groups and in advance. Files without a transaction are no obstacle where their statements, without
    /// CONCURRENTLY, run in one.
    #[must_use]
    pub fn is_one_transaction(&self) -> bool {
        self.one_transaction
    }

    /// Whether a baseline stands for this file.
    pub(super) fn is_superseded(&self, file: &Migration) -> bool {
        self.superseded.iter().any(|m| m.version == file.version && m.checksum == file.checksum)
    }

    /// The file that runs where the set is cut: of one that a baseline stands for, the baseline.
    pub(super) fn in_place_of<'m>(&'m self, file: &'m Migration) -> &'m Migration {
        if self.is_superseded(file) { &self.migrations[0] } else { file }
    }

    /// The set, which stands for these too.
    pub(super) fn standing_for(self, superseded: Vec<Migration>) -> Self {
        Self { superseded: superseded.into(), ..self }
    }
}

/// One step from a version of the schema to the next.
#[derive(Debug, Clone)]
pub struct Migration {
    pub(super) version: Version,
    /// What releases before this one took for the version.
    pub(super) former: Option<Version>,
    pub(super) description: String,
    pub(super) checksum: String,
    /// Other checksums of the same text: releases before this one recorded them, or the mark for no
    /// transaction was added.
    pub(super) earlier: Vec<String>,
    pub(super) up: Way,
    pub(super) down: Option<Way>,
}

/// One way of a migration.
#[derive(Debug, Clone)]
pub(super) struct Way {
    /// The file's name without its folder.
    pub(super) file: String,
    /// The text for a transaction.
    pub(super) sql: String,
    /// Its statements, where it runs outside any transaction. In an empty schema the text above does the
    /// same.
    pub(super) statements: Option<Vec<Statement>>,
    /// Longest time that it may run, where the file says so.
    pub(super) timeout: Option<Duration>,
    /// The shared migration that has to be applied before it.
    pub(super) needs_shared: Option<Version>,
}

impl Migration {
    /// Its version, as the file's name spells it.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// The words of the file's name.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The file's name without its folder.
    pub fn file(&self) -> &str {
        &self.up.file
    }

    /// The name of the file that goes back, without its folder; that of [`file`](Self::file) where it is a
    /// section of that.
    pub fn down_file(&self) -> Option<&str> {
        self.down.as_ref().map(|way| way.file.as_str())
    }

    /// The text that goes up.
    pub fn sql(&self) -> &str {
        &self.up.sql
    }

    /// SHA-384 of the text that goes up, with LF at each line's end, in hexadecimal.
    pub fn checksum(&self) -> &str {
        &self.checksum
    }

    /// The shared migration that has to be applied before it.
    pub fn needs_shared(&self) -> Option<&Version> {
        self.up.needs_shared.as_ref()
    }

    /// Whether there is a way back.
    pub fn is_reversible(&self) -> bool {
        self.down.is_some()
    }

    /// Whether a schema's record of this version and checksum is of this migration: its version may be
    /// another text by now.
    pub fn is_recorded_as(&self, version: &Version, checksum: &str) -> bool {
        self.version == *version
            || (self.former.as_ref() == Some(version) && self.has_checksum(checksum))
    }

    /// Whether a text with this checksum is this migration's.
    pub fn has_checksum(&self, checksum: &str) -> bool {
        self.checksum == checksum || self.earlier.iter().any(|earlier| earlier == checksum)
    }
}

/// SHA-384 of a text, in hexadecimal.
pub(super) fn checksum(text: &str) -> String {
    hex::encode(Sha384::digest(text))
}
