//! The transactions that take a tenant through a set: consecutive files are one segment, and a file
//! that runs outside any transaction is one of its own.

use super::error::MigrateError;
use super::revert::Target;
use super::set::{Migration, MigrationSet, Way};

/// Files that one transaction applies or takes back, or one file that runs outside any.
#[derive(Debug, Clone)]
pub struct Segment<'s> {
    /// In the order in which they run.
    pub(super) files: Vec<&'s Migration>,
    /// Whether their ways back run.
    pub(super) back: bool,
}

impl<'s> Segment<'s> {
    /// The files, in the order in which they run.
    pub fn files(&self) -> impl Iterator<Item = &'s Migration> {
        self.files.iter().copied()
    }

    /// Whether a transaction runs it: [`run_segment`](super::run_segment); otherwise
    /// [`run_no_transaction`](super::run_no_transaction) does.
    #[must_use]
    pub fn is_in_transaction(&self) -> bool {
        !self.files.iter().any(|file| file.is_alone(self.back))
    }

    /// What of it the target does not keep; `None` where it keeps all.
    ///
    /// # Errors
    /// [`MigrateError::NoSuchVersion`] where the target is none of the set.
    pub fn newer_than(
        self,
        target: &Target,
        set: &MigrationSet,
    ) -> Result<Option<Self>, MigrateError> {
        let keeps = target.keeps(set)?;
        Ok(self.only(|file| set.place(file.version()).is_some_and(|place| place >= keeps)))
    }

    /// The same without the files that `keep` refuses; `None` if none is left.
    pub(super) fn only(mut self, keep: impl Fn(&Migration) -> bool) -> Option<Self> {
        self.files.retain(|file| keep(file));
        (!self.files.is_empty()).then_some(self)
    }
}

impl Migration {
    pub(super) fn way(&self, back: bool) -> Option<&Way> {
        if back { self.down.as_ref() } else { Some(&self.up) }
    }

    /// Whether this way runs outside any transaction.
    pub(crate) fn is_alone(&self, back: bool) -> bool {
        self.way(back).is_some_and(|way| way.statements.is_some())
    }
}

impl MigrationSet {
    /// The segments of the way forward. Each has to be committed before the next.
    #[must_use]
    pub fn segments(&self) -> Vec<Segment<'_>> {
        let starts = |file: &Migration| self.boundaries.iter().any(|b| b.contains(file.version()));
        cut(self.iter(), false, starts)
    }

    /// The segments of the way back, down to what the target keeps.
    ///
    /// # Errors
    /// [`MigrateError::NoSuchVersion`] where the target is none of the set.
    pub fn segments_back(&self, target: &Target) -> Result<Vec<Segment<'_>>, MigrateError> {
        let newer = self.migrations.iter().skip(target.keeps(self)?);
        Ok(cut(newer.rev(), true, |_| false))
    }
}

pub(super) fn cut<'s>(
    files: impl Iterator<Item = &'s Migration>,
    back: bool,
    starts: impl Fn(&Migration) -> bool,
) -> Vec<Segment<'s>> {
    let mut segments: Vec<Segment<'s>> = Vec::new();
    for file in files {
        let joins = !file.is_alone(back) && !starts(file);
        match segments.last_mut().filter(|last| joins && last.is_in_transaction()) {
            Some(last) => last.files.push(file),
            None => segments.push(Segment { files: vec![file], back }),
        }
    }
    segments
}

/// Refuses files that one transaction cannot run.
pub(super) fn in_one_transaction(segments: &[Segment<'_>]) -> Result<(), MigrateError> {
    let alone = segments.iter().find(|segment| !segment.is_in_transaction());
    let Some(first) = alone.or(segments.get(1)).map(|segment| (segment.files[0], segment.back))
    else {
        return Ok(());
    };
    let (migration, back) = first;
    let file = migration.way(back).map_or(migration.file(), |way| &way.file);
    Err(MigrateError::SeveralTransactions {
        version: migration.version().clone(),
        file: file.to_owned(),
        alone: alone.is_some(),
    })
}
