//! The plans: the stages of each kind, where they take effect, and what a failure means.

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Makes a tenant. A failure unwinds.
    Provision,
    /// Changes a tenant's schema. What is committed stays.
    Migrate,
    /// Takes a tenant away. A failure unwinds before the pivot.
    Delete,
}

/// The steps that take effect in one transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// Makes the schema.
    Build,
    /// Makes the tenant visible.
    Activate,
    /// Runs the migrations before a boundary.
    MigrateFirst,
    /// Runs the migrations after it.
    MigrateSecond,
    /// Makes the tenant invisible.
    Close,
    /// Drops the schema. The pivot.
    Drop,
    /// Records that the tenant is gone.
    Erase,
}

/// A set of stages, by their places in the plan.
pub type Stages = [bool; 3];

impl Kind {
    /// Its stages, in order.
    #[must_use]
    pub const fn plan(self) -> &'static [Stage] {
        match self {
            Self::Provision => &[Stage::Build, Stage::Activate],
            Self::Migrate => &[Stage::MigrateFirst, Stage::MigrateSecond],
            Self::Delete => &[Stage::Close, Stage::Drop, Stage::Erase],
        }
    }

    /// Whether a failure leaves the committed stages as they are.
    #[must_use]
    pub const fn stays(self) -> bool {
        matches!(self, Self::Migrate)
    }

    /// Whether the stages in `known` are all.
    pub(crate) fn is_done(self, known: &Stages) -> bool {
        self.next_stage(known).is_none()
    }

    /// Whether there is no way back any more.
    pub(crate) fn is_past_pivot(self, known: &Stages) -> bool {
        let pivot = self.plan().iter().position(|stage| *stage == Stage::Drop);
        pivot.is_some_and(|n| known[n])
    }

    /// The first stage that is not in `known`.
    pub(crate) fn next_stage(self, known: &Stages) -> Option<usize> {
        (0..self.plan().len()).find(|n| !known[*n])
    }

    /// The stage of `known` to be undone next, if one is.
    pub(crate) fn stage_to_undo(self, known: &Stages) -> Option<usize> {
        if self.stays() { None } else { known.iter().rposition(|is_known| *is_known) }
    }
}

impl Stage {
    /// Whether it takes effect in the tenant database. The others do in the control database.
    #[must_use]
    pub const fn is_the_tenant_databases(self) -> bool {
        matches!(self, Self::Build | Self::MigrateFirst | Self::MigrateSecond | Self::Drop)
    }
}
