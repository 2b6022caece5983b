//! What is in the databases and in the queue.

use domain::{ItemState, OperationState, Progress, TenantState};

use crate::{
    Asked, Kind, Protocol, Stages, Variant,
    worker::{Hand, Owner, Phase, Row, Worker},
};

/// Everything, at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct State {
    /// The rows of the items, and what is about them in the tenant database's ledger.
    pub items: Vec<Item>,
    /// The tenants: their rows in the registry, and their schemas.
    pub tenants: Vec<Tenant>,
    /// The rows of the operations, and their events in the outbox.
    pub operations: Vec<Operation>,
    /// The two worker processes, with their rows in `tenantry.workers`.
    pub workers: [Worker; 2],
    /// `apalis.jobs` that are not done, in order.
    pub jobs: Vec<Job>,
    pub faults_left: u8,
    /// What went wrong on the way here, and cannot be seen in the rest of the state.
    pub wrong: Wrong,
}

/// An item's row, its checkpoints, and its row in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Item {
    pub kind: Kind,
    pub tenant: usize,
    /// A second tenant it holds.
    pub source: Option<usize>,
    pub operation: usize,
    pub state: ItemState,
    /// How often it was claimed: the claim token.
    pub attempt: u8,
    /// Tries used since it was set going or turned back.
    pub tries: u8,
    pub owner: Option<Owner>,
    /// Why it turned back.
    pub reason: Option<Reason>,
    /// Checkpoints in the control database.
    pub checkpoints: Stages,
    /// Stages that took effect and are not undone. The ledger names those of its database, in
    /// the transaction that commits them.
    pub effects: Stages,
    /// The token in the ledger.
    pub fence: u8,
    /// The tenants it keeps while it waits: the first, the second. A rule left out.
    pub kept: [bool; 2],
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tenant {
    pub state: TenantState,
    /// How often a transaction that makes it visible was committed.
    pub activations: u8,
    /// Whose the schema of its name is.
    pub schema: Schema,
    /// Whether a stranger's schema had that name from the beginning.
    pub planted: bool,
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
    pub item: usize,
    /// Whether it is the one the item's row names.
    pub named: bool,
    pub holder: Option<usize>,
}

/// An operation's row and its events in the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Operation {
    /// Its state; a final one means that it is finished.
    pub state: OperationState,
    /// Whether an operator asked for its end.
    pub cancelled: bool,
    /// Whether an operator paused it: no item of it is claimed.
    pub paused: bool,
    /// How often it was opened again.
    pub run: u8,
    /// Events that say that this run of it is finished.
    pub events: u8,
}

/// What no later state shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a property of its own")]
pub struct Wrong {
    /// Something was committed under a claim that was not the item's.
    pub stale_commit: bool,
    /// An ended item became something else.
    pub end_changed: bool,
    /// An item made a move that is not legal.
    pub illegal_move: bool,
    /// An item was taken from a worker that was alive.
    pub stolen: bool,
    /// A stage took effect a second time, or before the one before it.
    pub disordered: bool,
    /// A stage took effect, or was undone, while another item held the tenant.
    pub between: bool,
    /// A stage was undone after a pivot, or although its kind stays.
    pub undone: bool,
    /// An item was claimed before one that waited longer for the same tenant.
    pub overtaken: bool,
}

impl State {
    /// What `protocol` asks for, just submitted; `planted`: the first tenant's schema name is
    /// taken by a stranger.
    pub(crate) fn submitted(protocol: &Protocol, planted: bool) -> Self {
        let asked = protocol.asked;
        let operation = |n| if protocol.settles() { 0 } else { n };
        let state = OperationState::Queued;
        let queued = Operation { state, cancelled: false, paused: false, run: 0, events: 0 };
        let tenants =
            1 + asked.iter().flat_map(|it| [it.tenant, it.source.unwrap_or(0)]).max().unwrap_or(0);
        Self {
            items: asked.iter().enumerate().map(|(n, it)| Item::asked(it, operation(n))).collect(),
            tenants: (0..tenants).map(|n| Tenant::before(asked, n, planted && n == 0)).collect(),
            operations: vec![queued; operation(asked.len() - 1) + 1],
            workers: [Worker::default(), Worker::default()],
            jobs: (0..asked.len()).map(|item| Job { item, named: true, holder: None }).collect(),
            faults_left: protocol.faults,
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

    pub(crate) fn operation_of(&self, item: usize) -> &Operation {
        &self.operations[self.items[item].operation]
    }

    pub(crate) fn items_of(&self, operation: usize) -> impl Iterator<Item = usize> + use<> {
        let of: Vec<_> = self.items.iter().map(|it| it.operation == operation).collect();
        (0..of.len()).filter(move |item| of[*item])
    }

    pub(crate) fn progress(&self, operation: usize) -> Progress {
        let items = self.items.iter().filter(|it| it.operation == operation);
        items.map(|it| (it.state, 1)).collect()
    }

    /// Moves an item, and notes what must never happen on the way.
    pub(crate) fn move_item(&mut self, item: usize, next: ItemState) {
        self.wrong.end_changed |= self.items[item].state.is_final();
        self.steer_item(item, next);
    }

    /// The same by an operator's act, which may move an item that has ended.
    pub(crate) fn steer_item(&mut self, item: usize, next: ItemState) {
        let row = &mut self.items[item];
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

    pub(crate) fn free_jobs_of(&mut self, worker: usize) {
        for job in self.jobs.iter_mut().filter(|job| job.holder == Some(worker)) {
            job.holder = None;
        }
    }
}

impl Item {
    fn asked(asked: &Asked, operation: usize) -> Self {
        Self {
            kind: asked.kind,
            tenant: asked.tenant,
            source: asked.source,
            operation,
            state: ItemState::Queued,
            attempt: 0,
            tries: 0,
            owner: None,
            reason: None,
            checkpoints: [false; 3],
            effects: [false; 3],
            fence: 0,
            kept: [false; 2],
        }
    }

    /// The tenants it holds from its claim to its end.
    pub(crate) fn tenants(&self) -> impl Iterator<Item = usize> + use<> {
        [Some(self.tenant), self.source].into_iter().flatten()
    }
}

impl Tenant {
    /// The tenant `n` as the operations find it: only what is to be provisioned is not there.
    fn before(asked: &[Asked], n: usize, planted: bool) -> Self {
        let is_new = asked.iter().any(|it| it.tenant == n && it.kind == Kind::Provision);
        Self {
            state: if is_new { TenantState::Pending } else { TenantState::Active },
            activations: 0,
            schema: match (planted, is_new) {
                (true, _) => Schema::Strangers,
                (false, true) => Schema::Nobodys,
                (false, false) => Schema::Ours,
            },
            planted,
        }
    }
}

impl Operation {
    /// Goes on in a new run, once an operator has opened an item of it: also before its end is
    /// written, which a worker may have seen already.
    pub(crate) fn reopen(&mut self, variant: Variant) {
        let is_over = self.state.is_final();
        if variant == Variant::StaysFinished
            || (!is_over && variant == Variant::NoNewRunBeforeTheEnd)
        {
            return;
        }
        (self.run, self.events) = (self.run + 1, 0);
        if is_over {
            (self.state, self.paused) = (OperationState::Running, false);
        }
    }
}
