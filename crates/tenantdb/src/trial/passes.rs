//! The three ways in which a set is applied.

use std::collections::BTreeSet;

use super::tenants::Tenants;
use super::words::{self, Words};
use super::{Fault, TrialError};
use crate::migrations::Migration;
use crate::shape::{self, Shape};

const DOES_NOT_RUN: &str = "does_not_run";
const DIFFERS: &str = "differs";

/// Faults, each difference told once.
#[derive(Debug, Default)]
struct Found {
    faults: Vec<Fault>,
    told: BTreeSet<String>,
}

/// Each file in one tenant, then in another that has what is before it. Gives the shape of the first, if all
/// files ran.
pub(super) async fn side_by_side(
    tenants: &mut Tenants<'_>,
) -> Result<(Vec<Fault>, Option<Shape>), TrialError> {
    let mut found = Found::default();
    let (first, second) = (tenants.tenant().await?, tenants.tenant().await?);
    let mut shape = tenants.look(first).await?;
    for file in tenants.set.iter() {
        for (tenant, message) in [
            (first, "does not run in a tenant that has the files before it"),
            (second, "does not run in a second tenant, where a first has the same objects already"),
        ] {
            if let Err(halt) = tenants.file(tenant, file, false).await {
                found.faults.push(halt.fault(file.file(), DOES_NOT_RUN, message)?);
                return Ok((found.faults, None));
            }
        }
        shape = tenants.look(first).await?;
        let other = tenants.look(second).await?;
        found.compare(file.file(), DIFFERS, [&shape, &other], words::BESIDE, |listing| {
            format!(
                "makes something else in a second tenant: {listing}; a statement asks the whole database \
                 whether an object exists: ask in the tenant's schema alone, with `to_regclass` of the name \
                 without a schema, or with `current_schema()`"
            )
        });
    }
    Ok((found.faults, Some(shape)))
}

/// All files in one new tenant, then in the next: the same as one file after the other made.
pub(super) async fn one_after_the_other(
    tenants: &mut Tenants<'_>,
    expected: &Shape,
) -> Result<Vec<Fault>, TrialError> {
    const ALL: &str = "all files";
    let mut found = Found::default();
    for _ in 0..2 {
        let tenant = tenants.tenant().await?;
        if let Err(halt) = tenants.all_files(tenant).await {
            let message = "do not run at once, as for a new tenant, and ran one by one";
            found.faults.push(halt.fault(ALL, DOES_NOT_RUN, message)?);
            break;
        }
        let shape = tenants.look(tenant).await?;
        found.compare(ALL, DIFFERS, [expected, &shape], words::AT_ONCE, |listing| {
            format!(
                "make something else of a new tenant than of one that gets them one by one: {listing}; \
                 ask for nothing outside the tenant's schema"
            )
        });
    }
    Ok(found.faults)
}

/// Up, down as far as there are ways back, and up again. Files that have one and follow one another go down
/// together, from the newest to the first.
pub(super) async fn up_down_up(tenants: &mut Tenants<'_>) -> Result<Vec<Fault>, TrialError> {
    let mut found = Found::default();
    let tenant = tenants.tenant().await?;
    let files: Vec<&Migration> = tenants.set.iter().collect();
    let mut shapes = vec![tenants.look(tenant).await?];
    let mut from = 0;
    for (at, file) in files.iter().enumerate() {
        if let Err(halt) = tenants.file(tenant, file, false).await {
            let message = "does not run in a tenant that went down and up again";
            found.faults.push(halt.fault(file.file(), DOES_NOT_RUN, message)?);
            break;
        }
        shapes.push(tenants.look(tenant).await?);
        if !file.is_reversible() {
            from = at + 1;
        } else if files.get(at + 1).is_none_or(|next| !next.is_reversible()) {
            let (files, shapes) = (&files[from..=at], &shapes[from..]);
            down(tenants, tenant, files, shapes, &mut found).await?;
            if found.faults.is_empty() {
                again(tenants, tenant, files, shapes, &mut found).await?;
            }
            if !found.faults.is_empty() {
                break;
            }
        }
    }
    Ok(found.faults)
}

/// Runs the ways back, newest first. `shapes` has one more than there are files: what was there before each.
async fn down(
    tenants: &mut Tenants<'_>,
    tenant: usize,
    files: &[&Migration],
    shapes: &[Shape],
    found: &mut Found,
) -> Result<(), TrialError> {
    for (file, before) in files.iter().zip(shapes).rev() {
        let name = file.down_file().unwrap_or_default();
        if let Err(halt) = tenants.file(tenant, file, true).await {
            let message = "does not run, so no tenant can be taken back";
            found.faults.push(halt.fault(name, "down_does_not_run", message)?);
            return Ok(());
        }
        let shape = tenants.look(tenant).await?;
        found.compare(name, "down_differs", [before, &shape], words::BACK, |listing| {
            let up = if name == file.file() { "the way forward" } else { file.file() };
            format!("does not bring back what was there before {up}: {listing}")
        });
    }
    Ok(())
}

/// Applies the files anew.
async fn again(
    tenants: &mut Tenants<'_>,
    tenant: usize,
    files: &[&Migration],
    shapes: &[Shape],
    found: &mut Found,
) -> Result<(), TrialError> {
    for (file, after) in files.iter().zip(&shapes[1..]) {
        if let Err(halt) = tenants.file(tenant, file, false).await {
            let message = "does not run again after its way back";
            found.faults.push(halt.fault(file.file(), DOES_NOT_RUN, message)?);
            return Ok(());
        }
        let shape = tenants.look(tenant).await?;
        found.compare(file.file(), DIFFERS, [after, &shape], words::AGAIN, |listing| {
            format!(
                "makes something else after its way back: {listing}; let both ways depend on the tenant's \
                 schema alone, and the way back undo all that the way forward did"
            )
        });
    }
    Ok(())
}

impl Found {
    /// Adds a fault where the second shape differs from the first in what was not told yet.
    fn compare(
        &mut self,
        file: &str,
        code: &'static str,
        [expected, found]: [&Shape; 2],
        words: Words,
        message: impl FnOnce(&str) -> String,
    ) {
        let mut differences = words::differences(expected, found, words);
        differences.retain(|difference| self.told.insert(difference.clone()));
        if !differences.is_empty() {
            let message = message(&shape::listing(&differences));
            self.faults.push(Fault { file: file.to_owned(), code, message, source: None });
        }
    }
}
