//! The states of an item.
//!
//! `domain::ItemState` has no `waiting` and no `stuck`. Once it has, it takes this file's place.

use domain::ItemState as Domain;

/// Where an item is in its life. Atomic operations and their states are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ItemState {
    /// Accepted; no worker has begun it.
    Queued,
    /// Another item holds its tenant, or comes before it. It holds nothing.
    Waiting,
    /// A worker is on it.
    Running,
    /// A try failed for a passing reason; another one is due.
    Retrying,
    /// It failed after its pivot: an operator has to look.
    Stuck,
    /// All stages are committed.
    Succeeded,
    /// Its stages are being undone.
    Unwinding,
    /// It ended without success.
    Failed,
    /// Stopped before it was done.
    Cancelled,
    /// An undo failed: an operator has to look.
    UndoFailed,
}

impl ItemState {
    /// Whether its way is over. That of a stuck item is not: its operation stays open.
    #[must_use]
    pub const fn is_final(self) -> bool {
        self.counted_as().is_final()
    }

    /// Whether an item in this state keeps every other item away from its tenants.
    #[must_use]
    pub const fn holds(self) -> bool {
        matches!(
            self,
            Self::Running | Self::Retrying | Self::Unwinding | Self::UndoFailed | Self::Stuck
        )
    }

    /// Whether `next` may follow.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        match (self, next) {
            (Self::Queued, Self::Waiting)
            | (Self::Waiting, Self::Running | Self::Cancelled)
            | (Self::Running, Self::Stuck)
            | (Self::Stuck, Self::Running | Self::Failed) => true,
            (Self::Waiting | Self::Stuck, _) | (_, Self::Waiting | Self::Stuck) => false,
            _ => self.counted_as().may_become(next.counted_as()),
        }
    }

    /// The state of `domain` that it is, or that the progress of an operation counts it as.
    pub(crate) const fn counted_as(self) -> Domain {
        match self {
            Self::Queued | Self::Waiting => Domain::Queued,
            Self::Running | Self::Stuck => Domain::Running,
            Self::Retrying => Domain::Retrying,
            Self::Succeeded => Domain::Succeeded,
            Self::Unwinding => Domain::Unwinding,
            Self::Failed => Domain::Failed,
            Self::Cancelled => Domain::Cancelled,
            Self::UndoFailed => Domain::UndoFailed,
        }
    }
}
