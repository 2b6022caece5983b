//! How a trial tells what it found.

use std::collections::BTreeSet;

use crate::shape::{self, Difference, Shape};

/// How it is told that an object is missing, is another one, or is there too.
pub(super) type Words = [&'static str; 3];

pub(super) const BESIDE: Words = [
    "is in the first tenant only",
    "has another definition in the second",
    "is in the second tenant only",
];
pub(super) const AT_ONCE: Words =
    ["is missing there", "has another definition there", "is there in addition"];
pub(super) const BACK: Words = [
    "is gone (create it again there)",
    "has another definition (put the old definition back there)",
    "is left (drop it there)",
];
pub(super) const AGAIN: Words = ["is missing now", "has another definition now", "is new"];

const EXTENSION: &str = "creates extension ";

/// The parts of relations.
const PARTS: [&str; 6] = ["column", "constraint", "index", "trigger", "policy", "rule"];

/// How `found` differs from `expected`, object by object. Parts of an object that is missing or too much are
/// not told beside it.
pub(super) fn differences(expected: &Shape, found: &Shape, words: Words) -> Vec<String> {
    let all: Vec<_> = shape::compare(expected, found).collect();
    let whole: BTreeSet<&str> = all
        .iter()
        .filter(|(_, how)| *how != Difference::Changed)
        .map(|(object, _)| *object)
        .collect();
    let is_part = |object: &str| {
        let (kind, name) = object.split_once(' ').unwrap_or_default();
        let of = name.split_once('.').filter(|_| PARTS.contains(&kind)).map(|(of, _)| of);
        let defined = object.strip_prefix("definition of ");
        defined.is_some_and(|object| whole.contains(object))
            || of.is_some_and(|of| {
                whole.iter().any(|it| {
                    it.split_once(' ').is_some_and(|(k, n)| n == of && !PARTS.contains(&k))
                })
            })
    };
    let told = all.into_iter().filter(|(object, _)| !is_part(object));
    let sentence = |(object, how): (&str, Difference)| {
        let object = object.strip_prefix("definition of ").unwrap_or(object);
        let object = object.replace("pg_catalog.", "");
        format!("{object} {}", words[how as usize])
    };
    told.map(sentence).collect()
}

/// What happened to objects outside, in sentences without a subject.
pub(super) fn changes(before: &Shape, after: &Shape) -> Vec<String> {
    let sentence = |(object, how): (&str, Difference)| match how {
        Difference::Missing => format!("drops {object}"),
        Difference::Changed => format!("changes {object}"),
        // only those that were changed are read
        Difference::Extra if object.ends_with(" of another tenant") => format!("changes {object}"),
        Difference::Extra => format!("creates {object}"),
    };
    let mut changes: Vec<String> = shape::compare(before, after).map(sentence).collect();
    if changes.iter().any(|change| change.starts_with(EXTENSION)) {
        // the rest is its own
        changes.retain(|change| change.starts_with(EXTENSION));
    }
    changes
}

/// What to write instead of such changes.
pub(super) fn outside(changes: &[String]) -> String {
    let listing = shape::listing(changes);
    if changes.iter().any(|change| change.starts_with(EXTENSION)) {
        return format!(
            "{listing}: a database has it once, so it would be in the first tenant's schema, and no other \
             tenant would find it; list it in `tenants.extensions`, and `tenantry migrate public up` \
             creates it for all"
        );
    }
    format!(
        "{listing}: that is outside the tenant's schema, and all tenants share it; change the tenant's \
         own objects alone, and name them without a schema"
    )
}
