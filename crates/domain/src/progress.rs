//! How far a batch is, counted from its items.

use serde::{Deserialize, Serialize};

use crate::{ItemState, Mode, OperationState};

/// How many items of a batch are where. The parts add up to `total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Progress {
    /// Items in the batch.
    pub total: u64,
    /// Accepted, not begun; those that wait for their tenant or their wave too.
    pub queued: u64,
    /// A worker is on them, doing or undoing; or they are built and wait for the rest.
    pub running: u64,
    /// Waiting for another try.
    pub retrying: u64,
    /// Active tenants.
    pub succeeded: u64,
    /// Will not be tenants, including those that wait for an operator.
    pub failed: u64,
    /// Stopped before they were done.
    pub cancelled: u64,
    /// Were done and taken back.
    pub rolled_back: u64,
}

impl Progress {
    /// Counts `items` more items in `state`.
    pub fn add(&mut self, state: ItemState, items: u64) {
        let part = match state {
            ItemState::Planned | ItemState::Queued | ItemState::Waiting => &mut self.queued,
            ItemState::Running | ItemState::Built | ItemState::Unwinding => &mut self.running,
            ItemState::Retrying => &mut self.retrying,
            ItemState::Succeeded => &mut self.succeeded,
            ItemState::Failed | ItemState::UndoFailed | ItemState::Stuck => &mut self.failed,
            ItemState::Cancelled => &mut self.cancelled,
            ItemState::RolledBack => &mut self.rolled_back,
        };
        *part += items;
        self.total += items;
    }

    /// Items whose way is not over.
    #[must_use]
    pub const fn open(&self) -> u64 {
        self.queued + self.running + self.retrying
    }

    /// Items that ended without a tenant.
    #[must_use]
    pub const fn not_made(&self) -> u64 {
        self.failed + self.cancelled + self.rolled_back
    }

    /// Items that have ended, in whatever way.
    #[must_use]
    pub const fn ended(&self) -> u64 {
        self.succeeded + self.not_made()
    }

    /// How much of the batch is over, 0 to 100, cut to one decimal: 100 only when all of it is.
    #[must_use]
    pub fn percent(&self) -> f64 {
        if self.total == 0 {
            return 100.0;
        }
        let over = self.total.saturating_sub(self.open());
        let tenths = u128::from(over) * 1000 / u128::from(self.total);
        // At most 1000 by construction, so it fits whatever the counts are.
        f64::from(u16::try_from(tenths).unwrap_or(1000)) / 10.0
    }

    /// The state a batch ends in when no item is [`open`](Self::open). `cancelling`: somebody
    /// asked for it to stop.
    #[must_use]
    pub const fn outcome(&self, mode: Mode, cancelling: bool) -> OperationState {
        if self.succeeded == self.total {
            OperationState::Completed
        } else if matches!(mode, Mode::Atomic) {
            if cancelling { OperationState::Cancelled } else { OperationState::RolledBack }
        } else if cancelling && self.cancelled > 0 {
            OperationState::Cancelled
        } else if self.succeeded > 0 {
            OperationState::CompletedWithFailures
        } else {
            OperationState::Failed
        }
    }
}

impl FromIterator<(ItemState, u64)> for Progress {
    fn from_iter<I: IntoIterator<Item = (ItemState, u64)>>(counts: I) -> Self {
        let mut progress = Self::default();
        for (state, items) in counts {
            progress.add(state, items);
        }
        progress
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(counts: &[(ItemState, u64)]) -> Progress {
        counts.iter().copied().collect()
    }

    #[test]
    fn counts_undoing_as_running_and_a_failed_undo_as_failed() {
        let progress = of(&[(ItemState::Unwinding, 2), (ItemState::UndoFailed, 3)]);

        assert_eq!((progress.running, progress.failed, progress.total), (2, 3, 5));
        assert_eq!(progress.open(), 2);
    }

    #[test]
    fn is_not_100_percent_before_the_last_item() {
        let nearly = of(&[(ItemState::Succeeded, 9_999), (ItemState::Running, 1)]);
        let third = of(&[(ItemState::Failed, 1), (ItemState::Queued, 2)]);

        assert_eq!(nearly.percent().to_string(), "99.9");
        assert_eq!(third.percent().to_string(), "33.3");
        assert_eq!(of(&[(ItemState::Failed, 3)]).percent().to_string(), "100");
    }

    #[test]
    fn ends_as_its_items_ended() {
        use ItemState::{Cancelled, Failed, Succeeded, UndoFailed};
        for (items, cancelling, outcome) in [
            (&[(Succeeded, 3)][..], false, OperationState::Completed),
            (&[(Succeeded, 3)], true, OperationState::Completed),
            (&[(Succeeded, 2), (Failed, 1)], false, OperationState::CompletedWithFailures),
            (&[(Failed, 3)], false, OperationState::Failed),
            (&[(UndoFailed, 3)], false, OperationState::Failed),
            (&[(Succeeded, 1), (Cancelled, 2)], true, OperationState::Cancelled),
            (&[(Succeeded, 1), (Cancelled, 2)], false, OperationState::CompletedWithFailures),
            (&[(Cancelled, 3)], true, OperationState::Cancelled),
            (&[(Succeeded, 1), (Failed, 2)], true, OperationState::CompletedWithFailures),
        ] {
            assert_eq!(
                of(items).outcome(Mode::Independent, cancelling),
                outcome,
                "{items:?}, {cancelling}"
            );
        }
    }

    #[test]
    fn all_or_nothing_ends_as_all_or_as_nothing() {
        use ItemState::{Cancelled, Failed, RolledBack, Succeeded};
        for (items, cancelling, outcome) in [
            (&[(Succeeded, 3)][..], true, OperationState::Completed),
            (&[(RolledBack, 2), (Failed, 1)], false, OperationState::RolledBack),
            (&[(Cancelled, 2), (Failed, 1)], false, OperationState::RolledBack),
            (&[(RolledBack, 2), (Cancelled, 1)], true, OperationState::Cancelled),
        ] {
            assert_eq!(of(items).outcome(Mode::Atomic, cancelling), outcome, "{items:?}");
        }
    }

    proptest! {
        #[test]
        fn adds_up_and_ends_in_an_end(
            counts in prop::collection::vec(
                (prop::sample::select(ItemState::ALL), 1..100_000u64),
                1..9,
            ),
            cancelling in any::<bool>(),
        ) {
            let p = of(&counts);
            prop_assert_eq!(p.open() + p.ended(), p.total);
            for mode in [Mode::Independent, Mode::Atomic] {
                prop_assert!(p.outcome(mode, cancelling).is_final());
            }
            prop_assert!((0.0..=100.0).contains(&p.percent()));
            prop_assert_eq!(p.percent() >= 100.0, p.open() == 0);
        }
    }
}
