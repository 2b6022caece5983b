//! The fence in the tenant database, where that is another server: a row for the item, with a
//! token and the stages that are committed there.
//!
//! A transaction there and one here are never one. So the tenant database decides what took
//! effect in it, and the control database's checkpoints follow.

use domain::ItemState;

use crate::{
    Answer, Item, Protocol, Stages, State, Variant,
    handler::lost_or,
    worker::{Hand, Phase},
};

impl Protocol {
    /// Raises the token in a commit of its own, and reads the stages.
    pub(crate) fn raise(&self, state: &mut State, mut hand: Hand, answer: Answer) -> Hand {
        if answer == Answer::Failed {
            return self.after_no_answer(hand);
        }
        let row = &mut state.items[hand.item];
        if row.fence > hand.token {
            return lost_or(answer, self.after_no_answer(hand), hand.then(Phase::Acknowledge));
        }
        if self.variant != Variant::FenceRaisedByStage {
            row.fence = hand.token;
        }
        if answer == Answer::Lost {
            return self.after_no_answer(hand);
        }
        let row = &state.items[hand.item];
        if self.variant == Variant::TrustsCheckpoints {
            return self.go_on(state, hand);
        }
        hand.known = row.with_what_is_there(&hand.known, &row.effects);
        let is_recorded = self.what_to_record(row, &hand) == row.checkpoints;
        if is_recorded { self.go_on(state, hand) } else { Hand { phase: Phase::Record, ..hand } }
    }

    /// Records what the ledger says. When that was the last stage, the item has succeeded.
    pub(crate) fn record(
        &self,
        state: &mut State,
        worker: usize,
        mut hand: Hand,
        answer: Answer,
    ) -> Hand {
        if answer == Answer::Failed {
            return self.after_no_answer(hand);
        }
        let over = lost_or(answer, self.after_no_answer(hand), hand.then(Phase::Acknowledge));
        if !self.passes(state, worker, &hand, hand.seen) {
            return over;
        }
        let row = &mut state.items[hand.item];
        row.checkpoints = self.what_to_record(row, &hand);
        hand.known = row.checkpoints;
        let is_done = row.kind.is_done(&hand.known);
        if hand.seen == ItemState::Running && is_done {
            self.end(state, hand.item, ItemState::Succeeded);
            return over;
        }
        lost_or(answer, self.after_no_answer(hand), self.go_on(state, hand))
    }

    /// The checkpoints as the ledger has them, and the control database's own as they are: the
    /// last of those may be committed and its answer lost.
    fn what_to_record(&self, row: &Item, hand: &Hand) -> Stages {
        match self.variant {
            Variant::RecordsAllStages => hand.known,
            _ => row.with_what_is_there(&row.checkpoints, &hand.known),
        }
    }

    /// The fence there: a stage's last statement. Notes a commit that passes and should not have.
    pub(crate) fn passes_there(&self, state: &mut State, hand: &Hand) -> bool {
        let row = &mut state.items[hand.item];
        let passes = match self.variant {
            Variant::NoLedgerToken => true,
            Variant::FenceRaisedByStage => row.fence <= hand.token,
            _ => row.fence == hand.token,
        };
        state.wrong.stale_commit |= passes && row.fence > hand.token;
        if passes && self.variant == Variant::FenceRaisedByStage {
            row.fence = hand.token;
        }
        passes
    }

    /// What follows when the ledger cannot be asked, or what it said cannot be recorded. An item
    /// does not end before.
    fn after_no_answer(&self, hand: Hand) -> Hand {
        match (hand.seen, hand.reason) {
            (ItemState::Unwinding, _) => self.after_failed_undo(hand),
            (_, Some(_)) => hand.then(Phase::Refuse),
            (_, None) => self.after_failure(hand),
        }
    }
}

impl Item {
    /// `stages` with what `ledger` says of those in the tenant database.
    fn with_what_is_there(&self, stages: &Stages, ledger: &Stages) -> Stages {
        let mut all = *stages;
        for (n, stage) in self.kind.plan().iter().enumerate() {
            if stage.is_the_tenant_databases() {
                all[n] = ledger[n];
            }
        }
        all
    }
}
