//! Takes several items at once: from the pool as far as it goes, the others built together.

use domain::{ItemId, ItemState, Mode};
use engine::{Plan, Progress};
use store::items::Claim;
use tracing::debug;

use crate::{Ended, Executor};

/// Tenants that get a spare in one transaction, at most: each takes a handful of locks, and so many
/// share the cost of planning and of the COMMIT.
const MOST_OF_POOL: usize = 48;

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

    /// Takes those of `claims` together that are claimed for the first time: one transaction makes
    /// several tenants. As many as there are spares for get one, the others are built.
    pub async fn work_together(&self, claims: Vec<Claim>) -> Sorted {
        let mut sorted = Sorted::default();
        let (fresh, seasoned): (Vec<_>, Vec<_>) =
            claims.into_iter().partition(|claim| self.may_share(claim) && is_fresh(claim));
        sorted.left.extend(seasoned);
        let (atomic, independent): (Vec<_>, Vec<_>) =
            fresh.into_iter().partition(|claim| claim.mode == Mode::Atomic);
        for mut claims in [independent, atomic] {
            let Some(mode) = claims.first().map(|claim| claim.mode) else { continue };
            let spares = self.pool_view.reserve(claims.len());
            let mut to_build = claims.split_off(spares);
            if !claims.is_empty() {
                let plan = self.plans.of_pool(mode);
                let apart = self.run_group(plan, claims, &mut sorted).await;
                if !apart.is_empty() {
                    self.pool_view.doubt();
                    to_build.extend(apart);
                }
            }
            while !to_build.is_empty() {
                let rest = to_build.split_off(self.group.min(to_build.len()));
                let apart = self.run_group(self.plans.of_new(mode), to_build, &mut sorted).await;
                sorted.left.extend(apart);
                to_build = rest;
            }
        }
        sorted
    }

    /// Whether one transaction may do the item together with others.
    fn may_share(&self, claim: &Claim) -> bool {
        claim.kind.makes_tenants() && self.plans.of(claim).stages().len() == 1
    }

    /// Runs `plan` for all of `group` in one transaction; gives back those that have to be taken
    /// another way.
    async fn run_group(
        &self,
        plan: &Plan,
        mut group: Vec<Claim>,
        sorted: &mut Sorted,
    ) -> Vec<Claim> {
        let failure = match self.runner.run_together(plan, &mut group).await {
            Ok(Progress::Done(stages)) => {
                self.not_refused();
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
