//! The checks by subject, and beside them the repairs. Most checks are one statement in a table of
//! their subject; the functions walk in pages instead, or look at one tenant after another.

pub(crate) mod database;
pub(crate) mod items;
pub(crate) mod jobs;
pub(crate) mod keys;
pub(crate) mod marks;
pub(crate) mod operations;
pub(crate) mod promise;
pub(crate) mod roles;
mod sessions;
pub(crate) mod spares;
pub(crate) mod tenants;
pub(crate) mod unreadable;

use crate::check::Check;

/// Every check that is one statement, by subject.
pub(crate) const TABLES: &[&[Check]] = &[
    items::CHECKS,
    tenants::CHECKS,
    marks::CHECKS,
    spares::CHECKS,
    roles::CHECKS,
    keys::CHECKS,
    operations::CHECKS,
    sessions::CHECKS,
];
