//! A handler's transactions, from a claim to the acknowledgement.

use domain::ItemState;

use crate::{
    Answer, Protocol, Reason, State, Variant,
    worker::{Hand, Phase},
};

impl Protocol {
    /// Runs the next transaction of `worker`'s handler.
    pub(crate) fn step(&self, state: &mut State, worker: usize, answer: Answer) {
        let Some(hand) = state.workers[worker].hand else { return };
        let is_rolled_back = answer == Answer::Failed;
        let next = match hand.phase {
            Phase::Claim | Phase::PutBack | Phase::TurnBack | Phase::GiveUp if is_rolled_back => {
                hand.then(Phase::Refuse)
            }
            Phase::Claim => self.claim(state, worker, hand, answer),
            Phase::Raise => self.raise(state, hand, answer),
            Phase::Record => self.record(state, worker, hand, answer),
            Phase::Work => self.work_on(state, worker, hand, answer),
            Phase::PutBack => self.put_back(state, worker, hand, answer),
            Phase::TurnBack => self.turn_back(state, worker, hand, answer),
            Phase::Unwind => self.unwind(state, worker, hand, answer),
            Phase::GiveUp => self.give_up(state, worker, hand, answer),
            Phase::Acknowledge | Phase::Refuse => {
                let again = hand.phase == Phase::Refuse || is_rolled_back;
                release_job(state, worker, again);
                state.workers[worker].hand = None;
                return;
            }
        };
        if next.phase == Phase::Acknowledge && hand.phase != Phase::Claim {
            self.hear_of_end(state, worker, &hand);
        }
        state.workers[worker].hand = Some(next);
    }

    /// `engine::Runner::run_stage`: effects, checkpoint and fence in one transaction. In another
    /// database it is the effects and the ledger, and the checkpoint follows.
    fn work_on(&self, state: &mut State, worker: usize, mut hand: Hand, answer: Answer) -> Hand {
        let kind = state.items[hand.item].kind;
        let Some(n) = kind.next_stage(&hand.known) else { return hand.then(Phase::Acknowledge) };
        let (stage, is_last) = (kind.plan()[n], n + 1 == kind.plan().len());
        let elsewhere = self.is_elsewhere(stage);
        if answer == Answer::Failed {
            return self.after_failure(hand);
        }
        if self.is_refused(state, hand.item, stage) {
            return self.turning(hand, Reason::Failed);
        }
        let passes = match elsewhere {
            true => self.passes_there(state, &hand),
            false => self.passes(state, worker, &hand, hand.seen),
        };
        if !passes {
            return lost_or(answer, self.after_failure(hand), hand.then(Phase::Acknowledge));
        }
        state.apply(hand.item, n);
        if self.variant == Variant::CheckpointApart && !is_last && !hand.unrecorded {
            hand.unrecorded = true;
            return hand;
        }
        hand.unrecorded = false;
        state.items[hand.item].checkpoints[n] |= !elsewhere;
        if is_last && !elsewhere {
            self.end(state, hand.item, ItemState::Succeeded);
        }
        if answer == Answer::Lost {
            return self.after_failure(hand);
        }
        hand.known[n] = true;
        match (elsewhere, is_last) {
            (true, _) => Hand { phase: Phase::Record, ..hand },
            (false, true) => hand.then(Phase::Acknowledge),
            (false, false) => hand,
        }
    }

    /// `operations::Executor::after_failure`, for an error that may pass.
    pub(crate) fn after_failure(&self, hand: Hand) -> Hand {
        if hand.tries < self.max_tries {
            return Hand { phase: Phase::PutBack, ..hand };
        }
        self.turning(hand, Reason::Failed)
    }

    /// Whoever turns back looks first what is committed in another database.
    fn turning(&self, hand: Hand, reason: Reason) -> Hand {
        let looks = self.remote && self.variant != Variant::TurnsBackUnasked;
        let phase = if looks { Phase::Raise } else { Phase::TurnBack };
        Hand { phase, reason: Some(reason), ..hand }
    }

    /// `engine::control::put_back`: the item's row and its new job in one transaction.
    fn put_back(&self, state: &mut State, worker: usize, hand: Hand, answer: Answer) -> Hand {
        if self.passes(state, worker, &hand, hand.seen) {
            if state.items[hand.item].state != ItemState::Unwinding {
                state.move_item(hand.item, ItemState::Retrying);
            }
            state.items[hand.item].owner = None;
            state.mint_job(hand.item);
        }
        over(answer, hand)
    }

    /// `store::items::begin_unwind`; after the pivot `store::items::stick`.
    fn turn_back(&self, state: &mut State, worker: usize, hand: Hand, answer: Answer) -> Hand {
        if !self.passes(state, worker, &hand, ItemState::Running) {
            return over(answer, hand);
        }
        let row = &mut state.items[hand.item];
        let only_forward = row.kind.is_past_pivot(match self.variant {
            Variant::PivotByMemory => &hand.known,
            _ => &row.checkpoints,
        });
        if only_forward && self.variant != Variant::UndoAfterPivot {
            row.owner = None;
            state.move_item(hand.item, ItemState::Stuck);
            return over(answer, hand);
        }
        (row.tries, row.reason) = (0, hand.reason);
        let known = match self.variant {
            Variant::UndoGoesByClaim => hand.claimed,
            _ => row.checkpoints,
        };
        state.move_item(hand.item, ItemState::Unwinding);
        let seen = ItemState::Unwinding;
        let unwind = Hand { phase: Phase::Unwind, seen, tries: 1, reason: None, known, ..hand };
        lost_or(answer, hand.then(Phase::Refuse), unwind)
    }

    /// `engine::Runner::unwind`: one stage, or the end when none is left to undo.
    fn unwind(&self, state: &mut State, worker: usize, mut hand: Hand, answer: Answer) -> Hand {
        if answer == Answer::Failed {
            return self.after_failed_undo(hand);
        }
        let kind = state.items[hand.item].kind;
        let n = self.stage_to_undo(kind, &hand);
        let elsewhere = n.is_some_and(|n| self.is_elsewhere(kind.plan()[n]));
        let passes = match elsewhere {
            true => self.passes_there(state, &hand),
            false => self.passes(state, worker, &hand, ItemState::Unwinding),
        };
        if !passes {
            return lost_or(answer, self.after_failed_undo(hand), hand.then(Phase::Acknowledge));
        }
        let Some(n) = n else {
            let end = match state.items[hand.item].reason {
                Some(Reason::Cancelled) => ItemState::Cancelled,
                Some(Reason::Failed) | None => ItemState::Failed,
            };
            self.end(state, hand.item, end);
            return lost_or(answer, self.after_failed_undo(hand), hand.then(Phase::Acknowledge));
        };
        self.undo(state, hand.item, n);
        if answer == Answer::Lost {
            return self.after_failed_undo(hand);
        }
        hand.known[n] = false;
        if elsewhere { Hand { phase: Phase::Record, ..hand } } else { hand }
    }

    pub(crate) const fn after_failed_undo(&self, hand: Hand) -> Hand {
        let phase = if hand.tries < self.max_tries { Phase::PutBack } else { Phase::GiveUp };
        Hand { phase, ..hand }
    }

    /// `store::items::fail` with `undo_failed`.
    fn give_up(&self, state: &mut State, worker: usize, hand: Hand, answer: Answer) -> Hand {
        if self.passes(state, worker, &hand, ItemState::Unwinding) {
            self.end(state, hand.item, ItemState::UndoFailed);
        }
        over(answer, hand)
    }

    /// What `worker`'s handler would do instead, once it may no longer go on.
    pub(crate) fn stop_working(&self, state: &mut State, worker: usize, reason: Reason) {
        if let Some(hand) = &mut state.workers[worker].hand {
            *hand = self.turning(*hand, reason);
        }
    }

    /// The item's last write under its claim.
    pub(crate) fn end(&self, state: &mut State, item: usize, end: ItemState) {
        state.move_item(item, end);
        state.let_go(item);
    }

    /// `worker::Settler::mark`: the worker has heard that the item ended, or is another's by now.
    /// One that it put back goes on.
    fn hear_of_end(&self, state: &mut State, worker: usize, hand: &Hand) {
        let row = &state.items[hand.item];
        if row.attempt == hand.token && !row.state.is_final() {
            return;
        }
        state.workers[worker].marked |= self.variant == Variant::NoSweepSettle;
        state.note_freed(worker, hand.item);
    }

    /// The fence: the last statement of every write under a claim. Notes a write that passes
    /// and should not have.
    pub(crate) fn passes(
        &self,
        state: &mut State,
        worker: usize,
        hand: &Hand,
        from: ItemState,
    ) -> bool {
        let row = &state.items[hand.item];
        let passes = match self.variant {
            Variant::NoFence => true,
            Variant::NoClaimToken => row.state == from,
            _ => row.attempt == hand.token && row.state == from,
        };
        // Given back is not superseded: whoever claims it next takes a new token.
        let is_anothers = row.owner.is_some_and(|owner| owner.worker != worker);
        state.wrong.stale_commit |= passes && (row.attempt != hand.token || is_anothers);
        passes
    }
}

/// What follows a transaction whose answer was lost, or that of one that was heard.
pub(crate) fn lost_or(answer: Answer, lost: Hand, heard: Hand) -> Hand {
    if answer == Answer::Lost { lost } else { heard }
}

/// The same after the last one of a claim.
fn over(answer: Answer, hand: Hand) -> Hand {
    lost_or(answer, hand.then(Phase::Refuse), hand.then(Phase::Acknowledge))
}

/// The queue's acknowledgement reaches only jobs that the worker still holds.
fn release_job(state: &mut State, worker: usize, again: bool) {
    if again {
        state.free_jobs_of(worker);
    } else {
        state.jobs.retain(|job| job.holder != Some(worker));
    }
}
