//! What is in the database, in the queue, and in the workers' memory.

use domain::{ItemState, OperationState, Progress, TenantState};

/// Everything, at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct State {
    /// `tenantry.operation_items`, with the tenant each is about.
    pub items: Vec<Item>,
    /// The two worker processes, with their rows in `tenantry.workers`.
    pub workers: [Worker; 2],
    /// `apalis.jobs` that are not done, in order.
    pub jobs: Vec<Job>,
    /// `tenantry.operations`.
    pub operation: Operation,
    /// Misfortunes that may still happen.
    pub faults_left: u8,
    /// What went wrong on the way here, and cannot be seen in the rest of the state.
    pub wrong: Wrong,
}

/// A stage of the plan. The engine allows several; the default plan has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// Makes the schema.
    Build,
    /// Makes the tenant visible; the last one, so its transaction ends the item too.
    Activate,
}

/// A set of stages, by [`Stage`] as an index.
pub type Stages = [bool; 2];

/// An item's row, its checkpoints, its tenant and its schema.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Item {
    /// Where it is in its life.
    pub state: ItemState,
    /// How often it was claimed: the claim token.
    pub attempt: u8,
    /// Tries used since it was set going or turned back.
    pub tries: u8,
    /// Who has it.
    pub owner: Option<Owner>,
    /// Why it turned back.
    pub reason: Option<Reason>,
    /// Checkpoints that are not undone.
    pub checkpoints: Stages,
    /// The tenant's state in the registry.
    pub tenant: TenantState,
    /// How often a transaction that makes the tenant visible was committed.
    pub activations: u8,
    /// Whose the schema of the tenant's name is.
    pub schema: Schema,
    /// Whether a stranger's schema had that name from the beginning.
    pub planted: bool,
}

/// A worker's id: a process, and its life, since every start takes a fresh one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Owner {
    /// The process.
    pub worker: usize,
    /// Its life.
    pub life: u8,
}

/// Why an item turned back, and so the state it ends in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// A permanent error, or too many tries.
    Failed,
    /// Its operation was cancelled.
    Cancelled,
}

/// Whose a schema is, by its mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Schema {
    /// There is none.
    Nobodys,
    /// The tenant's.
    Ours,
    /// Somebody else's.
    Strangers,
}

/// A wake-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Job {
    /// The item to look at.
    pub item: usize,
    /// Whether it is the one the item's row names.
    pub named: bool,
    /// The worker that fetched it.
    pub holder: Option<usize>,
}

/// A worker process.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Worker {
    /// What the process does.
    pub process: Process,
    /// What the others can know of it.
    pub row: Row,
    /// How often it started over under a fresh id.
    pub life: u8,
    /// What it works on.
    pub hand: Option<Hand>,
    /// Whether it fetched a job since it was declared dead: its heartbeat tells it so before it
    /// fetches another.
    pub late: bool,
    /// Whether it ended an item and has not looked at the operation since. Only kept where it makes
    /// a difference: elsewhere the sweep looks anyway.
    pub marked: bool,
    /// The end of the operation it saw and is about to write.
    pub outcome: Option<OperationState>,
}

/// Whether a process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Process {
    /// It runs.
    Running,
    /// It was stopped, and for so long that its lease is over.
    Paused,
    /// It is gone, and so long that its lease is over.
    Crashed,
}

/// A row of `tenantry.workers`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Row {
    /// Seen lately.
    Alive,
    /// Not seen for longer than the lease.
    Silent,
    /// Declared dead.
    Stopped,
}

/// A handler at work. All but `item` and `phase` is the claim it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hand {
    /// The item.
    pub item: usize,
    /// What it does next.
    pub phase: Phase,
    /// The claim token.
    pub token: u8,
    /// Tries used, as far as it knows.
    pub tries: u8,
    /// The item's state, as far as it knows.
    pub seen: ItemState,
    /// The stages it knows to be committed.
    pub known: Stages,
    /// The stages that were committed when it claimed. Only kept where it makes a difference:
    /// elsewhere none.
    pub claimed: Stages,
    /// Whether the effect of the next stage is committed without its checkpoint.
    pub unrecorded: bool,
}

/// What a handler does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// Claims the item.
    Claim,
    /// Commits the next stage.
    Work,
    /// Puts the item back, to be tried again.
    PutBack,
    /// Records that the item turns back.
    TurnBack(Reason),
    /// Undoes the newest stage, or ends the item.
    Unwind,
    /// Records that the undo failed.
    GiveUp,
    /// Acknowledges the job.
    Acknowledge,
    /// Has the job delivered again.
    Refuse,
}

/// The operation's row and its events in the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Operation {
    /// Its state; a final one means that it is finished.
    pub state: OperationState,
    /// Whether somebody asked for its end.
    pub cancelled: bool,
    /// Whether an operator paused it: nothing of it is claimed.
    pub held: bool,
    /// `operation.finished` events.
    pub events: u8,
}

/// What no later state shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Wrong {
    /// Something was committed under a claim that was not the item's.
    pub stale_commit: bool,
    /// An ended item became something else.
    pub end_changed: bool,
    /// An item made a move that `domain` does not allow.
    pub illegal_move: bool,
    /// An item was taken from a worker that was alive.
    pub stolen: bool,
}

impl State {
    /// One operation of `items` items just submitted; `planted`: the first one's schema name is
    /// taken by a stranger.
    pub(crate) fn submitted(items: usize, faults: u8, planted: bool) -> Self {
        Self {
            items: (0..items).map(|n| Item::submitted(planted && n == 0)).collect(),
            workers: [Worker::started(), Worker::started()],
            jobs: (0..items).map(|item| Job { item, named: true, holder: None }).collect(),
            operation: Operation {
                state: OperationState::Queued,
                cancelled: false,
                held: false,
                events: 0,
            },
            faults_left: faults,
            wrong: Wrong::default(),
        }
    }

    /// Whether `owner` is a live worker, as the claim asks it.
    pub(crate) fn lives(&self, owner: Owner) -> bool {
        let worker = &self.workers[owner.worker];
        worker.life == owner.life && worker.row == Row::Alive
    }

    /// Whether `owner` has signed off or was declared dead.
    pub(crate) fn has_stopped(&self, owner: Owner) -> bool {
        let worker = &self.workers[owner.worker];
        worker.life != owner.life || worker.row == Row::Stopped
    }

    /// Whether nothing was committed under the claim that `worker` has just made.
    pub(crate) fn may_lose_claim(&self, worker: usize, hand: &Hand) -> bool {
        let row = &self.items[hand.item];
        hand.phase == Phase::Work
            && row.state == ItemState::Running
            && row.attempt == hand.token
            && row.owner.is_some_and(|owner| owner.worker == worker)
            && hand.known == hand.claimed
    }

    /// How many items are where.
    pub(crate) fn progress(&self) -> Progress {
        self.items.iter().map(|item| (item.state, 1)).collect()
    }

    /// Whether the protocol has anybody to run it, and is allowed to.
    #[must_use]
    pub fn may_go_on(&self) -> bool {
        !self.operation.held && self.workers.iter().any(Worker::runs)
    }

    /// Moves an item, and notes what must never happen on the way.
    pub(crate) fn move_item(&mut self, item: usize, next: ItemState) {
        let row = &mut self.items[item];
        self.wrong.end_changed |= row.state.is_final();
        // What may be done in a state may be done again in it by another claim.
        self.wrong.illegal_move |= row.state != next && !row.state.may_become(next);
        row.state = next;
    }

    /// Gives `item` a new job, which is the one its row names from now on.
    pub(crate) fn mint_job(&mut self, item: usize) {
        for job in self.jobs.iter_mut().filter(|job| job.item == item) {
            job.named = false;
        }
        self.jobs.push(Job { item, named: true, holder: None });
    }

    /// Lets a paused operation go on: every item that waits gets a new job.
    pub(crate) fn let_go(&mut self) {
        self.operation.held = false;
        for i in 0..self.items.len() {
            if !self.items[i].state.is_final() && self.items[i].owner.is_none() {
                self.mint_job(i);
            }
        }
    }

    /// Makes the jobs that `worker` holds ready again.
    pub(crate) fn free_jobs_of(&mut self, worker: usize) {
        for job in self.jobs.iter_mut().filter(|job| job.holder == Some(worker)) {
            job.holder = None;
        }
    }
}

impl Item {
    fn submitted(planted: bool) -> Self {
        Self {
            state: ItemState::Queued,
            attempt: 0,
            tries: 0,
            owner: None,
            reason: None,
            checkpoints: [false; 2],
            tenant: TenantState::Pending,
            activations: 0,
            schema: if planted { Schema::Strangers } else { Schema::Nobodys },
            planted,
        }
    }
}

impl Worker {
    fn started() -> Self {
        Self {
            process: Process::Running,
            row: Row::Alive,
            life: 0,
            hand: None,
            late: false,
            marked: false,
            outcome: None,
        }
    }

    /// Loses what is only in its memory.
    pub(crate) fn forget(&mut self) {
        (self.hand, self.outcome) = (None, None);
        (self.marked, self.late) = (false, false);
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
    pub(crate) fn without_claim(item: usize, phase: Phase) -> Self {
        Self {
            item,
            phase,
            token: 0,
            tries: 0,
            seen: ItemState::Queued,
            known: [false; 2],
            claimed: [false; 2],
            unrecorded: false,
        }
    }

    /// The first stage it does not know to be committed.
    pub(crate) fn next_stage(&self) -> Stage {
        if self.known[Stage::Build as usize] { Stage::Activate } else { Stage::Build }
    }

    /// The newest stage it knows to be committed.
    pub(crate) fn newest_stage(&self) -> Option<Stage> {
        [Stage::Activate, Stage::Build].into_iter().find(|stage| self.known[*stage as usize])
    }
}
