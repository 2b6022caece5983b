//! The claim, and what a handler does with a fresh one.

use domain::{ItemState, OperationState};

use crate::{
    Answer, Protocol, Reason, State, Variant,
    worker::{Hand, Owner, Phase},
};

impl Protocol {
    /// `store::items::claim`.
    pub(crate) fn claim(
        &self,
        state: &mut State,
        worker: usize,
        hand: Hand,
        answer: Answer,
    ) -> Hand {
        let heard = if !self.may_claim(state, hand.item) {
            return hand.then(Phase::Acknowledge);
        } else if self.has_to_wait(state, hand.item) {
            self.make_wait(state, hand.item);
            hand.then(Phase::Acknowledge)
        } else {
            self.take(state, worker, hand)
        };
        if answer == Answer::Lost { hand.then(Phase::Refuse) } else { heard }
    }

    /// Whether `item` is open, and neither paused nor another live worker's.
    fn may_claim(&self, state: &State, item: usize) -> bool {
        let row = &state.items[item];
        let owned = matches!(row.state, ItemState::Running | ItemState::Unwinding);
        let may_take_over = match self.variant {
            Variant::ClaimIgnoresLiveOwner => true,
            Variant::NoTakeOver => row.owner.is_none(),
            _ => !row.owner.is_some_and(|owner| state.lives(owner)),
        };
        !state.operation_of(item).paused && !row.state.is_final() && (!owned || may_take_over)
    }

    fn take(&self, state: &mut State, worker: usize, hand: Hand) -> Hand {
        let item = hand.item;
        let row = &state.items[item];
        let owned = matches!(row.state, ItemState::Running | ItemState::Unwinding);
        state.wrong.stolen |= owned && row.owner.is_some_and(|owner| state.lives(owner));
        let is_new = matches!(row.state, ItemState::Queued | ItemState::Waiting);
        state.wrong.overtaken |= is_new && (0..item).any(|it| state.waits_before(it, item));
        if !owned {
            state.move_item(item, ItemState::Running);
        }
        let operation = &mut state.operations[state.items[item].operation];
        if operation.state == OperationState::Queued {
            operation.state = OperationState::Running;
        }
        let cancelled = operation.cancelled;
        let life = state.workers[worker].life;
        let row = &mut state.items[item];
        row.attempt += 1;
        // More than enough is enough: it turns back.
        row.tries = (row.tries + 1).min(self.max_tries + 1);
        row.owner = Some(Owner { worker, life });
        row.kept = [false; 2];
        self.begin(state, hand, cancelled)
    }

    /// `operations::Executor::work`: what a handler does with a fresh claim.
    fn begin(&self, state: &State, hand: Hand, cancelled: bool) -> Hand {
        let row = &state.items[hand.item];
        let reason = match row.state {
            ItemState::Unwinding => None,
            _ if cancelled => Some(Reason::Cancelled),
            _ if row.tries > self.max_tries => Some(Reason::Failed),
            _ => None,
        };
        let (token, tries, seen, known) = (row.attempt, row.tries, row.state, row.checkpoints);
        let matters = matches!(self.variant, Variant::UndoGoesByClaim | Variant::ClaimNotDurable);
        let claimed = if matters { known } else { hand.claimed };
        let hand = Hand { token, tries, seen, reason, known, claimed, ..hand };
        if self.remote { Hand { phase: Phase::Raise, ..hand } } else { self.go_on(state, hand) }
    }

    /// What comes next for a handler that knows which stages are committed.
    pub(crate) fn go_on(&self, state: &State, mut hand: Hand) -> Hand {
        let kind = state.items[hand.item].kind;
        let only_forward = kind.is_past_pivot(&hand.known);
        if only_forward && hand.reason == Some(Reason::Cancelled) {
            hand.reason = (hand.tries > self.max_tries).then_some(Reason::Failed);
        }
        hand.phase = match (hand.seen, hand.reason) {
            (ItemState::Unwinding, _) => Phase::Unwind,
            (_, Some(_)) => Phase::TurnBack,
            (_, None) => Phase::Work,
        };
        hand
    }
}
