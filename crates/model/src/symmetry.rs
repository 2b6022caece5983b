//! States that differ in names only, taken as one.
//!
//! Which worker is the first, which item, and how high a claim token or a life has counted makes
//! no difference to what can follow; only whether two of them are equal does.

use crate::state::{Phase, State};

/// The one state that stands for all that differ from `state` in names only.
#[must_use]
pub fn representative(state: &State) -> State {
    let mut plain = state.clone();
    plain.forget_numbers();
    let workers_swapped = plain.with_workers_swapped();
    let mut least = plain.min(workers_swapped);
    if least.items.len() == 2 {
        let items_swapped = least.with_items_swapped();
        let both_swapped = items_swapped.with_workers_swapped();
        least = least.min(items_swapped).min(both_swapped);
    }
    least
}

impl State {
    fn forget_numbers(&mut self) {
        for (i, item) in self.items.iter_mut().enumerate() {
            for hand in self.workers.iter_mut().filter_map(|it| it.hand.as_mut()) {
                if hand.item == i && hand.token > 0 {
                    hand.token = if hand.token == item.attempt { 2 } else { 1 };
                }
            }
            item.attempt = item.attempt.min(1) * 2;
            if item.state.is_final() {
                (item.tries, item.reason) = (0, None);
            }
            if let Some(owner) = &mut item.owner {
                owner.life = u8::from(owner.life == self.workers[owner.worker].life);
            }
        }
        for worker in &mut self.workers {
            worker.life = 1;
            if let Some(hand) = &mut worker.hand
                && matches!(hand.phase, Phase::PutBack | Phase::GiveUp)
            {
                // The claim ends with these: nothing asks for them any more.
                (hand.tries, hand.known) = (0, [false; 2]);
            }
        }
    }

    fn with_workers_swapped(&self) -> Self {
        let mut other = self.clone();
        other.workers.swap(0, 1);
        for owner in other.items.iter_mut().filter_map(|it| it.owner.as_mut()) {
            owner.worker = 1 - owner.worker;
        }
        for holder in other.jobs.iter_mut().filter_map(|it| it.holder.as_mut()) {
            *holder = 1 - *holder;
        }
        other.jobs.sort_unstable();
        other
    }

    fn with_items_swapped(&self) -> Self {
        let mut other = self.clone();
        other.items.swap(0, 1);
        for hand in other.workers.iter_mut().filter_map(|it| it.hand.as_mut()) {
            hand.item = 1 - hand.item;
        }
        for job in &mut other.jobs {
            job.item = 1 - job.item;
        }
        other.jobs.sort_unstable();
        other
    }
}
