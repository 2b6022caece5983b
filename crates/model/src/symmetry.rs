//! States that need not be told apart, taken as one.
//!
//! Which worker is the first, which item of an operation, and how high a claim token, a life or a
//! run has counted makes no difference to what can follow; only their order does. Nor does what the
//! fences and the guard on settling will refuse: so this is no use for a variant without them.

use crate::{
    state::{Item, State},
    worker::{Hand, Phase},
};

/// The one state that stands for all that need not be told from `state`.
#[must_use]
pub fn representative(state: &State) -> State {
    let mut plain = state.clone();
    plain.forget_numbers();
    let workers_swapped = plain.with_workers_swapped();
    let mut least = plain.min(workers_swapped);
    if least.items_are_alike() {
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
            let (operation, run) = (&self.operations[0], |it: (_, u8)| it.1);
            if operation.state.is_final() || worker.outcome.map(run) != Some(operation.run) {
                worker.outcome = None;
            }
            if let Some((_, run)) = &mut worker.outcome {
                *run = 0;
            }
            if let Some(hand) = &mut worker.hand {
                hand.forget_what_is_over(&self.items[hand.item]);
            }
        }
        for operation in &mut self.operations {
            operation.run = 0;
        }
        for n in 0..self.items.len() {
            self.forget_tokens(n);
        }
    }

    /// Counts the tokens of an item anew, in their order.
    fn forget_tokens(&mut self, n: usize) {
        let item = &mut self.items[n];
        let mut hands: Vec<_> = self.workers.iter_mut().filter_map(|it| it.hand.as_mut()).collect();
        hands.retain(|hand| hand.item == n);
        // A token of the ledger that no handler has and that will be raised is as good as none.
        if item.fence < item.attempt && hands.iter().all(|hand| hand.token != item.fence) {
            item.fence = 0;
        }
        let mut tokens = vec![0, item.attempt, item.fence];
        tokens.extend(hands.iter().map(|hand| hand.token));
        tokens.sort_unstable();
        tokens.dedup();
        let rank = |token: u8| {
            let rank = tokens.iter().position(|it| *it == token).unwrap_or_default();
            u8::try_from(rank).unwrap_or(u8::MAX)
        };
        (item.attempt, item.fence) = (rank(item.attempt), rank(item.fence));
        for hand in hands {
            hand.token = rank(hand.token);
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

    /// Whether there are two items of one operation and one kind.
    fn items_are_alike(&self) -> bool {
        self.operations.len() == 1
            && self.items.len() == 2
            && self.items[0].kind == self.items[1].kind
    }

    fn with_items_swapped(&self) -> Self {
        let mut other = self.clone();
        other.items.swap(0, 1);
        other.tenants.swap(0, 1);
        for (n, item) in other.items.iter_mut().enumerate() {
            item.tenant = n;
        }
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
    fn forget_what_is_over(&mut self, item: &Item) {
        let is_stale = self.token != item.attempt;
        // The ledger lets these pass until the newer claim has raised its token.
        let may_pass_there = match self.phase {
            Phase::Raise => self.token >= item.fence,
            Phase::Work | Phase::Unwind => self.token == item.fence,
            _ => false,
        };
        match self.phase {
            Phase::Claim | Phase::Acknowledge | Phase::Refuse => {}
            _ if is_stale && !may_pass_there => *self = Self::without_claim(self.item, self.phase),
            // The claim ends with these: nothing asks for them any more.
            Phase::PutBack | Phase::GiveUp => {
                (self.tries, self.reason, self.known) = (0, None, [false; 3]);
            }
            _ => {}
        }
    }
}
