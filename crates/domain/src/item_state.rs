//! The life of one item of an operation.

use serde::{Deserialize, Serialize};

use crate::state::words;

/// Where one item of an operation is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ItemState {
    /// Accepted; no worker has begun it.
    Queued,
    /// A worker is on it.
    Running,
    /// A try failed for a passing reason; another one is due.
    Retrying,
    /// All of the tenant is there and nobody can see it yet: its operation is all or nothing, and
    /// waits for the rest.
    Built,
    /// The tenant is active.
    Succeeded,
    /// What was made is being taken back.
    Unwinding,
    /// It will not become a tenant, and nothing of it is left.
    Failed,
    /// Stopped before it was done, and nothing of it is left.
    Cancelled,
    /// It was done, and taken back because its operation was all or nothing.
    RolledBack,
    /// Taking it back failed: an operator has to look.
    UndoFailed,
}

words!(
    ItemState,
    "a state of an operation item",
    Queued = "queued",
    Running = "running",
    Retrying = "retrying",
    Built = "built",
    Succeeded = "succeeded",
    Unwinding = "unwinding",
    Failed = "failed",
    Cancelled = "cancelled",
    RolledBack = "rolled_back",
    UndoFailed = "undo_failed",
);

impl ItemState {
    /// Whether its own way is over: an operation of such items only is over too. A retry of the operation,
    /// or its rolling back, may still move it.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Queued | Self::Running | Self::Retrying | Self::Built | Self::Unwinding => false,
            Self::Succeeded
            | Self::Failed
            | Self::Cancelled
            | Self::RolledBack
            | Self::UndoFailed => true,
        }
    }

    /// Whether `next` may follow.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        use ItemState::{
            Built, Cancelled, Failed, Queued, Retrying, RolledBack, Running, Succeeded, UndoFailed,
            Unwinding,
        };
        match self {
            Queued => matches!(next, Running | Cancelled),
            // To `running` again: another worker took it over from one that died.
            Running => matches!(next, Running | Succeeded | Built | Retrying | Unwinding),
            // All of its operation were built, or another of it failed.
            Built => matches!(next, Succeeded | Unwinding),
            Retrying => matches!(next, Running | Unwinding | Cancelled),
            Unwinding => {
                matches!(next, Unwinding | Failed | Cancelled | RolledBack | UndoFailed)
            }
            Succeeded => false,
            // A retry of the operation.
            Failed | Cancelled | RolledBack => matches!(next, Queued),
            // An operator saw to the cause and has it undone again.
            UndoFailed => matches!(next, Unwinding | Failed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_of_a_tenant_is_legal() {
        use ItemState::{
            Built, Cancelled, Failed, Queued, Retrying, RolledBack, Running, Succeeded, UndoFailed,
            Unwinding,
        };
        for way in [
            &[Queued, Running, Succeeded][..],
            &[Queued, Running, Retrying, Running, Succeeded],
            &[Queued, Running, Unwinding, Failed, Queued],
            &[Queued, Cancelled, Queued],
            &[Queued, Running, Built, Succeeded],
            &[Queued, Running, Built, Unwinding, RolledBack, Queued],
            &[Queued, Running, Unwinding, UndoFailed, Unwinding, Failed],
        ] {
            for pair in way.windows(2) {
                assert!(pair[0].may_become(pair[1]), "{} -> {}", pair[0], pair[1]);
            }
        }
    }

    #[test]
    fn success_is_never_without_a_run_and_never_lost_without_an_undo() {
        for state in ItemState::ALL {
            let was_built = matches!(state, ItemState::Running | ItemState::Built);
            assert_eq!(state.may_become(ItemState::Succeeded), was_built);
        }
        for next in [ItemState::Failed, ItemState::Queued, ItemState::Running] {
            assert!(!ItemState::Succeeded.may_become(next));
        }
    }

    #[test]
    fn every_state_can_reach_an_end() {
        for state in ItemState::ALL {
            let ends = state.is_final()
                || ItemState::ALL.iter().any(|next| state.may_become(*next) && next.is_final());
            assert!(ends, "{state} is a trap");
        }
    }

    #[test]
    fn a_compensated_item_is_not_run_again_on_its_own() {
        assert!(!ItemState::Unwinding.may_become(ItemState::Running));
        assert!(!ItemState::UndoFailed.may_become(ItemState::Queued));
        assert!(!ItemState::Failed.may_become(ItemState::Running));
    }
}
