//! States that need not be told apart, taken as one.
//!
//! Which worker is the first, which item, and how high a claim token or a life has counted makes
//! no difference to what can follow; only whether two of them are equal does. Nor does what the
//! fence and the guard on settling will refuse: so this is no use for a variant without them.

use crate::state::{Hand, Phase, State};

/// The one state that stands for all that need not be told from `state`.
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
        for item in &mut self.items {
            if item.state.is_final() {
                (item.tries, item.reason) = (0, None);
            }
            if let Some(owner) = &mut item.owner {
                owner.life = u8::from(owner.life == self.workers[owner.worker].life);
            }
        }
        for worker in &mut self.workers {
            worker.life = 1;
            if self.operation.state.is_final() {
                worker.outcome = None;
            }
            if let Some(hand) = &mut worker.hand {
                hand.forget_numbers(self.items[hand.item].attempt);
            }
        }
        for item in &mut self.items {
            item.attempt = item.attempt.min(1);
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

impl Hand {
    fn forget_numbers(&mut self, attempt: u8) {
        let is_stale = self.token != attempt;
        match self.phase {
            Phase::Claim | Phase::Acknowledge | Phase::Refuse => return,
            _ if is_stale => {
                *self = Self { token: 2, ..Self::without_claim(self.item, self.phase) };
                return;
            }
            // The claim ends with these: nothing asks for them any more.
            Phase::PutBack | Phase::GiveUp => (self.tries, self.known) = (0, [false; 2]),
            Phase::Work | Phase::TurnBack(_) | Phase::Unwind => {}
        }
        self.token = 1;
    }
}
