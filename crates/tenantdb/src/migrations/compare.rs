//! Holds what a schema has against a set of migrations.

use domain::Version;

use super::run::holds;
use super::segments::{Segment, cut};
use super::set::{Migration, MigrationSet};

/// How a schema stands to a set. Sets are compared, never newest versions: a migration that came later
/// with a lower version is missing too.
#[derive(Debug)]
pub struct Standing<'a> {
    /// The newest version that the schema has, by its place in the set.
    pub newest: Option<&'a Version>,
    /// What the schema lacks, oldest first.
    pub missing: Vec<&'a Migration>,
    /// What was changed after it had been applied, oldest first.
    pub edited: Vec<&'a Migration>,
    /// What the schema has and the set has not, in the order given.
    pub unknown: Vec<Version>,
    /// The place of the newest version.
    place: Option<usize>,
}

impl<'a> Standing<'a> {
    /// Whether the schema has exactly what the set holds.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.missing.is_empty() && self.edited.is_empty() && self.unknown.is_empty()
    }

    /// Those of the missing that are older than what the schema has already.
    #[must_use]
    pub fn out_of_order(&self, set: &MigrationSet) -> Vec<Version> {
        let older = |m: &&&Migration| set.place(m.version()) < self.place;
        self.missing.iter().filter(older).map(|m| m.version().clone()).collect()
    }

    /// What there is to say about each of them before it is applied.
    #[must_use]
    pub fn out_of_order_notes(&self, set: &MigrationSet) -> Vec<String> {
        let newest = self.newest.map_or("", Version::as_str);
        let note = |version: Version| {
            format!(
                "{version} is older than what the tenant has ({newest}); it is applied after it"
            )
        };
        self.out_of_order(set).into_iter().map(note).collect()
    }

    /// What the schema lacks, cut as the set is.
    #[must_use]
    pub fn segments(&self, set: &'a MigrationSet) -> Vec<Segment<'a>> {
        let (before, missing): (Vec<&Migration>, Vec<&Migration>) =
            self.missing.iter().partition(|m| set.is_superseded(m));
        let mut segments = cut(before.into_iter(), false, |_| false);
        for (at, segment) in set.segments().into_iter().enumerate() {
            let Some(segment) = segment.only(|m| holds(&missing, m)) else { continue };
            // What a baseline stands for runs where the baseline would.
            let joins = |last: &&mut Segment<'_>| {
                at == 0 && last.is_in_transaction() && segment.is_in_transaction()
            };
            match segments.last_mut().filter(joins) {
                Some(last) => last.files.extend(segment.files),
                None => segments.push(segment),
            }
        }
        segments
    }
}

fn lacking<'a>(files: &'a [Migration], had: &[bool]) -> impl Iterator<Item = &'a Migration> {
    files.iter().zip(had).filter(|(_, had)| !**had).map(|(file, _)| file)
}

impl MigrationSet {
    /// How a schema stands that has these versions, each with its checksum.
    pub fn compare<'r, C: AsRef<str>>(
        &self,
        applied: impl IntoIterator<Item = (&'r Version, C)>,
    ) -> Standing<'_> {
        let mut had = vec![false; self.iter().len()];
        let mut had_before = vec![false; self.superseded.len()];
        let (mut edited, mut unknown) = (Vec::new(), Vec::new());
        for (version, checksum) in applied {
            let checksum = checksum.as_ref();
            match self.iter().position(|m| m.is_recorded_as(version, checksum)) {
                None => {
                    match self.superseded.iter().position(|m| m.is_recorded_as(version, checksum)) {
                        Some(at) => had_before[at] = true,
                        None => unknown.push(version.clone()),
                    }
                }
                Some(at) => {
                    had[at] = true;
                    if !self.migrations[at].has_checksum(checksum) {
                        edited.push(&self.migrations[at]);
                    }
                }
            }
        }
        let place = had.iter().rposition(|had| *had);
        let newest_before = had_before.iter().rposition(|had| *had);
        let newest = place.map(|at| &self.migrations[at]);
        let newest = newest.or(newest_before.map(|at| &self.superseded[at]));
        let missing = match newest_before {
            // It goes the old way to where the baseline leads.
            Some(_) if !had[0] => {
                had[0] = true;
                lacking(&self.superseded, &had_before)
                    .chain(lacking(&self.migrations, &had))
                    .collect()
            }
            _ => lacking(&self.migrations, &had).collect(),
        };
        Standing { newest: newest.map(Migration::version), missing, edited, unknown, place }
    }
}
