//! What is in the workers' memory.

use domain::{ItemState, OperationState};

use crate::{Reason, Stages};

/// A worker process; by default one that has just started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Worker {
    pub process: Process,
    /// What the others can know of it.
    pub row: Row,
    /// How often it started over under a fresh id.
    pub life: u8,
    pub hand: Option<Hand>,
    /// Whether it fetched a job since it was declared dead: its heartbeat tells it so before it
    /// fetches another.
    pub late: bool,
    /// Whether it ended an item and has not looked at the operation since. Only kept where it
    /// makes a difference: elsewhere the sweep looks anyway.
    pub marked: bool,
    /// The tenants that other items may wait for since it heard of an item's end.
    pub freed: [bool; 2],
    /// The end of the operation it saw and is about to write, and the run it saw it in.
    pub outcome: Option<(OperationState, u8)>,
}

/// A worker's id: a process, and its life, since every start takes a fresh one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Owner {
    pub worker: usize,
    pub life: u8,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Process {
    #[default]
    Running,
    /// It was halted, and for so long that its lease is over.
    Halted,
    /// It is gone, and so long that its lease is over.
    Crashed,
}

/// A row of `tenantry.workers`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Row {
    /// Seen lately.
    #[default]
    Alive,
    /// Not seen for longer than the lease.
    Silent,
    /// Declared dead.
    Stopped,
}

/// A handler at work. All but `item` and `phase` is the claim it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hand {
    pub item: usize,
    pub phase: Phase,
    /// The claim token.
    pub token: u8,
    /// Tries used, as far as it knows.
    pub tries: u8,
    /// The item's state, as far as it knows.
    pub seen: ItemState,
    /// Why it is about to turn the item back, if it is.
    pub reason: Option<Reason>,
    /// The stages it knows to be committed.
    pub known: Stages,
    /// The stages that were committed when it claimed. Only kept where it makes a difference:
    /// elsewhere none.
    pub claimed: Stages,
    /// Whether the effect of the next stage is committed without its checkpoint.
    pub unrecorded: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// Claims the item.
    Claim,
    /// Raises the fence in the ledger, and reads there which stages are committed.
    Raise,
    /// Records in the control database what the ledger says.
    Record,
    /// Commits the next stage.
    Work,
    /// Puts the item back, to be tried again.
    PutBack,
    /// Records that the item turns back, or that it is stuck.
    TurnBack,
    /// Undoes the newest stage, or ends the item.
    Unwind,
    /// Records that the undo failed.
    GiveUp,
    /// Acknowledges the job.
    Acknowledge,
    /// Has the job delivered again.
    Refuse,
}

impl Worker {
    /// Loses what is only in its memory.
    pub(crate) fn forget(&mut self) {
        let Self { process, row, life, .. } = *self;
        *self = Self { process, row, life, ..Self::default() };
    }

    pub(crate) fn runs(&self) -> bool {
        self.process == Process::Running
    }

    /// Whether a handler of it has `item`.
    pub(crate) fn works_on(&self, item: usize) -> bool {
        self.hand.is_some_and(|hand| hand.item == item)
    }
}

impl Hand {
    /// A handler for `item` that holds no claim, so that two such are the same state.
    pub(crate) const fn without_claim(item: usize, phase: Phase) -> Self {
        Self {
            item,
            phase,
            token: 0,
            tries: 0,
            seen: ItemState::Queued,
            reason: None,
            known: [false; 3],
            claimed: [false; 3],
            unrecorded: false,
        }
    }

    /// The same handler with its claim over.
    pub(crate) const fn then(self, phase: Phase) -> Self {
        Self::without_claim(self.item, phase)
    }
}
