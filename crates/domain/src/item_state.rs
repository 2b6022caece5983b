//! The life of one item of an operation.

use crate::state::words;

words! {
    /// Where one item of an operation is on its way.
    ItemState: "a state of an item" {
        /// It belongs to a wave that has not begun, or to a part of one.
        Planned = "planned",
        /// Accepted; no worker has begun it.
        Queued = "queued",
        /// Its turn came while another item worked on its tenant; it goes on when that has ended.
        Waiting = "waiting",
        /// A worker is on it.
        Running = "running",
        /// A try failed for a passing reason; another one is due.
        Retrying = "retrying",
        /// The tenant is complete and not visible yet: all tenants of its operation become active together.
        Built = "built",
        /// The tenant is active.
        Succeeded = "succeeded",
        /// What was made is being taken back.
        Unwinding = "unwinding",
        /// It will not become a tenant, and nothing of it is left.
        Failed = "failed",
        /// Stopped before it was done, and nothing of it is left.
        Cancelled = "cancelled",
        /// It was done, and taken back because its operation was all or nothing.
        RolledBack = "rolled_back",
        /// Taking it back failed: an operator has to look.
        UndoFailed = "undo_failed",
        /// It failed after the stage from which there is no way back: an operator has to look.
        Stuck = "stuck",
    }
}

impl ItemState {
    /// Whether its own way is over: an operation of such items only is over too. A retry of the operation,
    /// or its rolling back, may still move it.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Planned
            | Self::Queued
            | Self::Waiting
            | Self::Running
            | Self::Retrying
            | Self::Built
            | Self::Unwinding => false,
            Self::Succeeded
            | Self::Failed
            | Self::Cancelled
            | Self::RolledBack
            | Self::UndoFailed
            | Self::Stuck => true,
        }
    }

    /// Whether an item in this state holds its tenant: no other item works on that meanwhile.
    #[must_use]
    pub const fn holds_its_tenant(self) -> bool {
        matches!(
            self,
            Self::Running
                | Self::Retrying
                | Self::Built
                | Self::Unwinding
                | Self::UndoFailed
                | Self::Stuck
        )
    }

    /// Whether `next` may follow.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        use ItemState::{
            Built, Cancelled, Failed, Planned, Queued, Retrying, RolledBack, Running, Stuck,
            Succeeded, UndoFailed, Unwinding, Waiting,
        };
        match self {
            // Its wave begins, or an operator skips it.
            Planned => matches!(next, Queued | Cancelled),
            Queued => matches!(next, Waiting | Running | Cancelled),
            Waiting => matches!(next, Running | Cancelled),
            // To `running` again: another worker took it over from one that died.
            Running => {
                matches!(next, Running | Succeeded | Built | Retrying | Unwinding | Stuck)
            }
            // All of its operation were built, or another of it failed.
            Built => matches!(next, Succeeded | Unwinding),
            Retrying => matches!(next, Running | Unwinding | Cancelled),
            Unwinding => {
                matches!(next, Unwinding | Failed | Cancelled | RolledBack | UndoFailed)
            }
            Succeeded => false,
            // A retry of the operation, in waves if it has some; an operator skips one that failed.
            Failed => matches!(next, Queued | Planned | Cancelled),
            Cancelled | RolledBack => matches!(next, Queued | Planned),
            // An operator saw to the cause and has it undone again.
            UndoFailed => matches!(next, Unwinding | Failed),
            // An operator saw to the cause and has it go on.
            Stuck => matches!(next, Retrying | Failed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_of_a_tenant_is_legal() {
        use ItemState::{
            Built, Cancelled, Failed, Queued, Retrying, RolledBack, Running, Stuck, Succeeded,
            UndoFailed, Unwinding, Waiting,
        };
        for way in [
            &[Queued, Running, Succeeded][..],
            &[Queued, Running, Retrying, Running, Succeeded],
            &[Queued, Running, Unwinding, Failed, Queued],
            &[Queued, Cancelled, Queued],
            &[Queued, Waiting, Running, Succeeded],
            &[Queued, Running, Stuck, Retrying, Running, Succeeded],
            &[Queued, Running, Stuck, Failed],
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
    fn what_holds_a_tenant_has_been_claimed_and_has_not_come_to_its_end() {
        for state in ItemState::ALL {
            let before = [ItemState::Planned, ItemState::Queued, ItemState::Waiting];
            let taken_up = !before.contains(state);
            let needs_an_operator = matches!(state, ItemState::UndoFailed | ItemState::Stuck);
            let held = taken_up && (!state.is_final() || needs_an_operator);
            assert_eq!(state.holds_its_tenant(), held, "{state}");
        }
    }

    #[test]
    fn nothing_is_undone_past_the_point_of_no_return() {
        assert!(!ItemState::Stuck.may_become(ItemState::Unwinding));
    }

    #[test]
    fn an_item_that_was_undone_is_not_run_again_on_its_own() {
        assert!(!ItemState::Unwinding.may_become(ItemState::Running));
        assert!(!ItemState::UndoFailed.may_become(ItemState::Queued));
        assert!(!ItemState::Failed.may_become(ItemState::Running));
    }
}
