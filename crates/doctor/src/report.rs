//! What an examination found.

use std::collections::BTreeMap;

use domain::InstallationId;
use serde::Serialize;

use crate::{Finding, Kind, Scope, Subject};

/// Everything that is wrong, and how much was looked at.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// What is wrong; of each kind at most as many as the scope allows.
    pub findings: Vec<Finding>,
    /// How much of each kind there is, told or not.
    pub found: BTreeMap<Kind, u64>,
    /// How much was looked at.
    pub checked: Checked,
}

impl Report {
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.wrong() == 0
    }

    /// How many things are wrong.
    #[must_use]
    pub fn wrong(&self) -> u64 {
        self.found.iter().filter(|(kind, _)| !kind.is_notice()).map(|(_, found)| found).sum()
    }
}

/// How much was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, sqlx::FromRow)]
#[sqlx(default)]
pub struct Checked {
    /// Tenants in the registry that are neither deleted nor released.
    pub tenants: i64,
    /// Schemas that bear this installation's mark.
    pub schemas: i64,
    /// Roles that bear this installation's mark.
    pub roles: i64,
    /// API keys that are not revoked.
    pub keys: i64,
    pub operations: i64,
    pub items: i64,
    /// Jobs that are alive.
    pub jobs: i64,
    /// Active tenants, whose roles and rights were looked at.
    pub active: i64,
    /// Tenants whose schemas were held against the migrations, object by object.
    pub verified: i64,
}

/// Collects findings, each kind up to its limit.
#[derive(Debug)]
pub(crate) struct Gatherer<'a> {
    pub(crate) scope: &'a Scope,
    pub(crate) installation: &'a InstallationId,
    pub(crate) report: Report,
}

impl Gatherer<'_> {
    /// Adds one finding, if its kind is looked for.
    pub(crate) fn add(&mut self, kind: Kind, subject: Subject, sentence: String, fixable: bool) {
        if !self.scope.wants(kind) {
            return;
        }
        let found = self.report.found.entry(kind).or_default();
        *found += 1;
        if *found <= u64::from(self.scope.limit) {
            self.report.findings.push(Finding { kind, subject, sentence, fixable });
        }
    }

    /// Adds what is wrong with the control schema, the queue or what tenants share.
    pub(crate) fn add_control(&mut self, kind: Kind, sentence: String) {
        self.add(kind, Subject::Control(sentence.clone()), sentence, false);
    }
}
