//! A handler's transactions, from the claim to the acknowledgement.

use domain::{ItemState, TenantState};

use crate::{
    Answer, Protocol, Variant,
    state::{Hand, Item, Owner, Phase, Reason, Schema, Stage, State},
};

impl Protocol {
    /// Runs the next transaction of `worker`'s handler.
    pub(crate) fn step(&self, state: &mut State, worker: usize, answer: Answer) {
        let Some(hand) = state.workers[worker].hand else { return };
        let next = match hand.phase {
            Phase::Claim => self.claim(state, worker, hand, answer),
            Phase::Work => self.work_on(state, worker, hand, answer),
            Phase::PutBack => self.put_back(state, worker, hand, answer),
            Phase::TurnBack(reason) => self.turn_back(state, worker, hand, reason, answer),
            Phase::Unwind => self.unwind(state, worker, hand, answer),
            Phase::GiveUp => self.give_up(state, worker, hand, answer),
            Phase::Acknowledge | Phase::Refuse => {
                let again = hand.phase == Phase::Refuse || answer == Answer::Failed;
                release_job(state, worker, again);
                state.workers[worker].hand = None;
                return;
            }
        };
        state.workers[worker].hand = Some(next);
    }

    /// `store::items::claim`.
    fn claim(&self, state: &mut State, worker: usize, hand: Hand, answer: Answer) -> Hand {
        let row = &state.items[hand.item];
        let owned = matches!(row.state, ItemState::Running | ItemState::Unwinding);
        let owner_lives = row.owner.is_some_and(|owner| state.lives(owner));
        let may_take_over = match self.variant {
            Variant::ClaimIgnoresLiveOwner => true,
            Variant::NoTakeOver => row.owner.is_none(),
            _ => !owner_lives,
        };
        if answer == Answer::Failed {
            return hand.then(Phase::Refuse);
        }
        if state.operation.held || row.state.is_final() || (owned && !may_take_over) {
            return hand.then(Phase::Acknowledge);
        }
        state.wrong.stolen |= owned && owner_lives;
        if !owned {
            state.move_item(hand.item, ItemState::Running);
        }
        state.operation.begin();
        let cancelled = state.operation.cancelled;
        let life = state.workers[worker].life;
        let row = &mut state.items[hand.item];
        row.attempt += 1;
        // More than enough is enough: it turns back.
        row.tries = (row.tries + 1).min(self.max_tries + 1);
        row.owner = Some(Owner { worker, life });
        if answer == Answer::Lost {
            return hand.then(Phase::Refuse);
        }
        self.begin(row, hand, cancelled)
    }

    /// `operations::Provisioner::provision`: what a handler does with a fresh claim.
    fn begin(&self, row: &Item, hand: Hand, cancelled: bool) -> Hand {
        let phase = match row.state {
            ItemState::Unwinding => Phase::Unwind,
            _ if cancelled => Phase::TurnBack(Reason::Cancelled),
            _ if row.tries > self.max_tries => Phase::TurnBack(Reason::Failed),
            _ => Phase::Work,
        };
        let (token, tries, seen, known) = (row.attempt, row.tries, row.state, row.checkpoints);
        let matters = matches!(self.variant, Variant::UndoGoesByClaim | Variant::ClaimNotDurable);
        let claimed = if matters { known } else { hand.claimed };
        Hand { phase, token, tries, seen, known, claimed, ..hand }
    }

    /// `engine::Runner::run_stage`: effects, checkpoint and fence in one transaction.
    fn work_on(&self, state: &mut State, worker: usize, mut hand: Hand, answer: Answer) -> Hand {
        let stage = hand.next_stage();
        let row = &state.items[hand.item];
        let taken = row.schema == Schema::Strangers && self.variant != Variant::NoOwnershipMark;
        let gone = row.tenant == TenantState::Released;
        if answer == Answer::Failed {
            return self.after_failure(hand);
        }
        if (stage == Stage::Build && taken) || (stage == Stage::Activate && gone) {
            return Hand { phase: Phase::TurnBack(Reason::Failed), ..hand };
        }
        if !self.passes(state, worker, &hand, hand.seen) {
            return lost_or(answer, self.after_failure(hand), hand.then(Phase::Acknowledge));
        }
        let apart = self.variant == Variant::CheckpointApart && stage == Stage::Build;
        if apart && !hand.unrecorded {
            state.items[hand.item].apply(stage);
            hand.unrecorded = true;
            return hand;
        }
        state.items[hand.item].apply(stage);
        state.items[hand.item].checkpoints[stage as usize] = true;
        hand.unrecorded = false;
        if stage == Stage::Activate {
            self.end(state, worker, &hand, ItemState::Succeeded, answer);
        }
        if answer == Answer::Lost {
            return self.after_failure(hand);
        }
        hand.known[stage as usize] = true;
        if stage == Stage::Activate { hand.then(Phase::Acknowledge) } else { hand }
    }

    /// `operations::Provisioner::after_failure`, for an error that may pass.
    fn after_failure(&self, hand: Hand) -> Hand {
        if hand.tries < self.max_tries {
            return Hand { phase: Phase::PutBack, ..hand };
        }
        Hand { phase: Phase::TurnBack(Reason::Failed), ..hand }
    }

    /// `worker::Handler::retry_later`: the item's row and its new job in one transaction.
    fn put_back(&self, state: &mut State, worker: usize, hand: Hand, answer: Answer) -> Hand {
        if answer == Answer::Failed {
            return hand.then(Phase::Refuse);
        }
        if self.passes(state, worker, &hand, hand.seen) {
            if state.items[hand.item].state != ItemState::Unwinding {
                state.move_item(hand.item, ItemState::Retrying);
            }
            state.items[hand.item].owner = None;
            state.mint_job(hand.item);
        }
        lost_or(answer, hand.then(Phase::Refuse), hand.then(Phase::Acknowledge))
    }

    /// `store::items::begin_unwind`.
    fn turn_back(
        &self,
        state: &mut State,
        worker: usize,
        hand: Hand,
        reason: Reason,
        answer: Answer,
    ) -> Hand {
        if answer == Answer::Failed {
            return hand.then(Phase::Refuse);
        }
        if !self.passes(state, worker, &hand, ItemState::Running) {
            return lost_or(answer, hand.then(Phase::Refuse), hand.then(Phase::Acknowledge));
        }
        state.move_item(hand.item, ItemState::Unwinding);
        let row = &mut state.items[hand.item];
        row.tries = 0;
        row.reason = Some(reason);
        let known = match self.variant {
            Variant::UndoGoesByClaim => hand.claimed,
            _ => row.checkpoints,
        };
        let unwind =
            Hand { phase: Phase::Unwind, seen: ItemState::Unwinding, tries: 1, known, ..hand };
        lost_or(answer, hand.then(Phase::Refuse), unwind)
    }

    /// `engine::Runner::unwind`: one stage, or the end when none is left.
    fn unwind(&self, state: &mut State, worker: usize, mut hand: Hand, answer: Answer) -> Hand {
        if answer == Answer::Failed {
            return self.after_failed_undo(hand);
        }
        if !self.passes(state, worker, &hand, ItemState::Unwinding) {
            return lost_or(answer, self.after_failed_undo(hand), hand.then(Phase::Acknowledge));
        }
        let Some(stage) = hand.newest_stage() else {
            let end = match state.items[hand.item].reason {
                Some(Reason::Cancelled) => ItemState::Cancelled,
                Some(Reason::Failed) | None => ItemState::Failed,
            };
            state.items[hand.item].release();
            self.end(state, worker, &hand, end, answer);
            return lost_or(answer, self.after_failed_undo(hand), hand.then(Phase::Acknowledge));
        };
        let by_name = self.variant == Variant::NoOwnershipMark;
        state.items[hand.item].undo(stage, by_name);
        if answer == Answer::Lost {
            return self.after_failed_undo(hand);
        }
        hand.known[stage as usize] = false;
        hand
    }

    fn after_failed_undo(&self, hand: Hand) -> Hand {
        let phase = if hand.tries < self.max_tries { Phase::PutBack } else { Phase::GiveUp };
        Hand { phase, ..hand }
    }

    /// `store::items::fail` with `undo_failed`.
    fn give_up(&self, state: &mut State, worker: usize, hand: Hand, answer: Answer) -> Hand {
        if answer == Answer::Failed {
            return hand.then(Phase::Refuse);
        }
        if self.passes(state, worker, &hand, ItemState::Unwinding) {
            self.end(state, worker, &hand, ItemState::UndoFailed, answer);
        }
        lost_or(answer, hand.then(Phase::Refuse), hand.then(Phase::Acknowledge))
    }

    /// What `hand` would do instead, once it may no longer go on.
    pub(crate) fn stop_working(&self, state: &mut State, worker: usize, reason: Reason) {
        if let Some(hand) = &mut state.workers[worker].hand {
            hand.phase = Phase::TurnBack(reason);
        }
    }

    /// The item's last write under this claim; the worker then looks at the operation, if it lives
    /// to hear of it.
    fn end(&self, state: &mut State, worker: usize, hand: &Hand, end: ItemState, answer: Answer) {
        state.move_item(hand.item, end);
        state.items[hand.item].owner = None;
        let matters = self.variant == Variant::NoSweepSettle;
        state.workers[worker].marked |= matters && answer == Answer::Done;
    }

    /// The fence: the last statement of every write under a claim. Notes a write that passes
    /// and should not have.
    fn passes(&self, state: &mut State, worker: usize, hand: &Hand, from: ItemState) -> bool {
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
fn lost_or(answer: Answer, lost: Hand, heard: Hand) -> Hand {
    if answer == Answer::Lost { lost } else { heard }
}

/// The queue's acknowledgement reaches only jobs that the worker still holds.
fn release_job(state: &mut State, worker: usize, again: bool) {
    if again {
        state.free_jobs_of(worker);
    } else {
        state.jobs.retain(|job| job.holder != Some(worker));
    }
}

impl Hand {
    /// The same handler with its claim over.
    fn then(self, phase: Phase) -> Self {
        Self::without_claim(self.item, phase)
    }

    /// Whether the next transaction is the one that ends the item.
    pub(crate) fn is_about_to_end(&self) -> bool {
        match self.phase {
            Phase::Work => self.next_stage() == Stage::Activate,
            Phase::Unwind => self.newest_stage().is_none(),
            _ => false,
        }
    }
}

impl Item {
    /// The effect of a stage; once it is there, doing it again changes nothing.
    fn apply(&mut self, stage: Stage) {
        match stage {
            Stage::Build if self.schema == Schema::Nobodys => self.schema = Schema::Ours,
            Stage::Build => {}
            Stage::Activate => {
                self.tenant = TenantState::Active;
                self.activations += 1;
            }
        }
    }

    /// Takes a stage's effect and its checkpoint back. Without the mark there is only the name
    /// to go by.
    fn undo(&mut self, stage: Stage, by_name: bool) {
        self.checkpoints[stage as usize] = false;
        match stage {
            Stage::Build if self.schema == Schema::Ours || by_name => {
                self.schema = Schema::Nobodys;
            }
            Stage::Activate if self.tenant == TenantState::Active => {
                self.tenant = TenantState::Pending;
            }
            Stage::Build | Stage::Activate => {}
        }
    }

    /// Gives the tenant's names back, if it never became one.
    pub(crate) fn release(&mut self) {
        if self.tenant == TenantState::Pending {
            self.tenant = TenantState::Released;
        }
    }
}
