//! Takes several items at once: from the pool as far as it goes, the others built together, and those of
//! tenants that are there together while they are quick.

use std::{
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    time::Duration,
};

use domain::{ItemId, ItemState, Mode};
use engine::{Plan, Progress, Sharing, StageReport};
use store::items::Claim;
use tracing::debug;

use crate::{Ended, Executor, executor::unfit, steps::Source};

/// Tenants that get a spare in one transaction, at most: each takes a handful of locks, and so many
/// share the cost of planning and of the COMMIT.
const MOST_OF_POOL: usize = 64;

/// Tenants that are there which share a transaction, at most.
const MOST_OF_FLEET: usize = 16;

/// Transactions on such tenants that a claim provides for.
const TRANSACTIONS_AHEAD: usize = 3;

/// About how long a transaction on such tenants may take: it holds up the users of all of them.
const HOLD_UP: Duration = Duration::from_millis(100);

/// How quick the work on tenants that are there is.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// How long a tenant takes, in microseconds, as the last transaction had it; 0: not known.
    each: AtomicU64,
    /// Transactions without another between them in which only one tenant had room, or that failed.
    slow: AtomicUsize,
}

impl Pace {
    /// How many such tenants may share a transaction.
    fn together(&self) -> usize {
        let hold_up = u64::try_from(HOLD_UP.as_micros()).unwrap_or(u64::MAX);
        let fit = hold_up.checked_div(self.each.load(Ordering::Relaxed)).unwrap_or(1);
        usize::try_from(fit).unwrap_or(usize::MAX).clamp(1, MOST_OF_FLEET)
    }

    /// How many lanes may work on such tenants: one while they are quick, and one more after each slow transaction. Two
    /// quick ones would compete for the server and have half as many tenants each, and what either commits is news to
    /// the other's session.
    fn lanes(&self) -> usize {
        self.slow.load(Ordering::Relaxed).saturating_add(1)
    }

    pub(crate) fn took(&self, took: Duration, tenants: usize) {
        let each = took.as_micros() / tenants.max(1) as u128;
        self.each.store(u64::try_from(each).unwrap_or(u64::MAX).max(1), Ordering::Relaxed);
        if self.together() > 1 {
            self.slow.store(0, Ordering::Relaxed);
        } else {
            self.was_slow();
        }
    }

    /// A transaction failed on such a tenant alone.
    pub(crate) fn was_slow(&self) {
        self.slow.fetch_add(1, Ordering::Relaxed);
    }

    /// A transaction failed that several shared.
    fn forget(&self) {
        self.each.store(0, Ordering::Relaxed);
        self.was_slow();
    }
}

/// What came of the items of a group.
#[derive(Debug, Default)]
pub struct Sorted {
    /// Those that came to something.
    pub done: Vec<(ItemId, sqlx::Result<Ended>)>,
    /// Those to be taken one by one, with [`Executor::work`].
    pub left: Vec<Claim>,
}

impl Executor {
    /// How many items to take at once, as things are.
    #[must_use]
    pub fn room(&self) -> usize {
        if self.pool_view.ready() > 0 { self.group.max(MOST_OF_POOL) } else { self.group }
    }

    /// The most that [`Self::room`] ever says, with a pool of spares or without one.
    #[must_use]
    pub fn most_room(group: usize, pool: bool) -> usize {
        if pool { group.max(MOST_OF_POOL) } else { group }
    }

    /// How many items of tenants that are there to take at once, as things are.
    #[must_use]
    pub fn room_for_fleet(&self) -> usize {
        match self.pace.together() {
            1 => 1,
            together => together * TRANSACTIONS_AHEAD,
        }
    }

    /// How many lanes may work on tenants that are there, as things are.
    #[must_use]
    pub fn lanes_for_fleet(&self) -> usize {
        self.pace.lanes()
    }

    /// Takes those of `claims` together that are claimed for the first time: one transaction makes, or
    /// changes, several tenants.
    pub async fn work_together(&self, claims: Vec<Claim>) -> Sorted {
        let mut sorted = Sorted::default();
        let (fresh, seasoned): (Vec<_>, Vec<_>) =
            claims.into_iter().partition(|claim| self.may_share(claim) && is_fresh(claim));
        sorted.left.extend(seasoned);
        let (new, there): (Vec<_>, Vec<_>) =
            fresh.into_iter().partition(|claim| claim.kind.makes_tenants());
        self.make_together(new, &mut sorted).await;
        self.change_together(there, &mut sorted).await;
        sorted
    }

    /// As many as there are spares for get one, the others are built.
    async fn make_together(&self, claims: Vec<Claim>, sorted: &mut Sorted) {
        let plans = self.plans();
        let (atomic, independent): (Vec<_>, Vec<_>) =
            claims.into_iter().partition(|claim| claim.mode == Mode::Atomic);
        for mut claims in [independent, atomic] {
            let Some(mode) = claims.first().map(|claim| claim.mode) else { continue };
            let spares = self.pool_view.reserve(claims.len());
            let mut to_build = claims.split_off(spares);
            if !claims.is_empty() {
                let plan = plans.provision(mode, Source::Pool);
                let apart = self.run_group(plan, claims, sorted).await;
                if !apart.is_empty() {
                    self.pool_view.doubt();
                    to_build.extend(apart);
                }
            }
            while !to_build.is_empty() {
                let rest = to_build.split_off(self.group.min(to_build.len()));
                let plan = plans.provision(mode, Source::Nothing);
                let apart = self.run_group(plan, to_build, sorted).await;
                sorted.left.extend(apart);
                to_build = rest;
            }
        }
    }

    /// Those of one operation share a transaction as long as that holds up nobody for long.
    async fn change_together(&self, mut claims: Vec<Claim>, sorted: &mut Sorted) {
        let plans = self.plans();
        while let Some(first) = claims.first() {
            let most = match plans.of(first).shares() {
                Sharing::No => 1,
                Sharing::WhileQuick => self.pace.together(),
                Sharing::UpTo(most) => most,
            };
            let operation = first.operation;
            let same = claims.iter().take_while(|claim| claim.operation == operation).count();
            let rest = claims.split_off(same.min(most));
            if claims.len() == 1 {
                sorted.left.append(&mut claims);
            } else {
                let plan = plans.of(&claims[0]);
                let _turn = match plan.shares() {
                    Sharing::UpTo(_) => Some(self.drops.lock().await),
                    _ => None,
                };
                let apart = self.run_group(plan, claims, sorted).await;
                if !apart.is_empty() {
                    self.pace.forget();
                    sorted.left.extend(apart);
                }
            }
            claims = rest;
        }
    }

    /// Whether one transaction may do the item together with others.
    fn may_share(&self, claim: &Claim) -> bool {
        self.plans().of(claim).shares() != Sharing::No && unfit(claim).is_none()
    }

    /// Notes how quick a transaction on tenants that are there was, without what it `waited` for new ones.
    pub(crate) fn note_pace(&self, claims: &[Claim], stages: &[StageReport], waited: Duration) {
        if claims.iter().all(|claim| !claim.kind.makes_tenants()) {
            let took: Duration = stages.iter().map(|stage| stage.took).sum();
            self.pace.took(took.saturating_sub(waited), claims.len());
        }
    }

    /// Runs `plan` for all of `group` in one transaction; gives back those that have to be taken
    /// another way.
    async fn run_group(
        &self,
        plan: &Plan,
        mut group: Vec<Claim>,
        sorted: &mut Sorted,
    ) -> Vec<Claim> {
        let making = self.plans().making.clone();
        let before = making.waited();
        let failure = match self.runner.run_together(plan, &mut group).await {
            Ok(Progress::Done(stages)) => {
                self.not_refused();
                self.note_pace(&group, &stages, making.waited().saturating_sub(before));
                let ended = || Ended::As(plan.finish().into(), stages.clone());
                sorted.done.extend(group.iter().map(|claim| (claim.item, Ok(ended()))));
                return Vec::new();
            }
            // No item could do better by itself.
            Err(failure) if failure.error.is_away() => {
                for claim in group {
                    sorted.done.push((claim.item, self.after_failure(claim, &failure).await));
                }
                return Vec::new();
            }
            Ok(Progress::Fenced) => None,
            Err(failure) => Some(failure),
        };
        let cause = failure.as_ref().map(|failure| telemetry::chain(&failure.error));
        debug!(items = group.len(), cause, "{} items have to be taken apart", group.len());
        group
    }
}

/// Whether nothing can be there of the item yet: nobody has worked on it before.
fn is_fresh(claim: &Claim) -> bool {
    claim.state == ItemState::Running
        && claim.attempt == 1
        && claim.checkpoints.is_empty()
        && claim.cancelled.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_share_a_transaction_as_hold_up_nobody_for_long() {
        let pace = Pace::default();
        assert_eq!(pace.together(), 1, "nothing is known");
        for (took, tenants, together) in
            [(5, 1, MOST_OF_FLEET), (200, 8, 4), (80, 2, 2), (60_000, 1, 1), (0, 1, MOST_OF_FLEET)]
        {
            pace.took(Duration::from_millis(took), tenants);
            assert_eq!(pace.together(), together, "{took} ms for {tenants}");
        }
        pace.forget();
        assert_eq!(pace.together(), 1);
    }

    #[test]
    fn only_slow_tenants_are_worked_on_in_several_lanes() {
        let pace = Pace::default();
        assert_eq!(pace.lanes(), 1, "nothing is known");
        pace.took(HOLD_UP, 1);
        pace.took(HOLD_UP, 1);
        assert_eq!(pace.lanes(), 3);
        pace.was_slow();
        pace.forget();
        assert_eq!(pace.lanes(), 5);
        pace.took(HOLD_UP, 2);
        assert_eq!(pace.lanes(), 1, "two have room in a transaction");
    }
}
