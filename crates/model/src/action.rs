//! What can happen, one atomic thing at a time.

use domain::{ItemState, Mode, OperationState, TenantState};

use crate::{
    Kind, Protocol, Reason, State, Variant,
    worker::{Hand, Phase, Process, Row},
};

/// Something that happens. Workers, items, operations and jobs are meant by their place in the
/// [`State`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// A worker fetches a job.
    Fetch(usize, usize),
    /// A worker's handler runs its next transaction.
    Step(usize, Answer),
    /// A worker's handler sees between two stages that the operation is cancelled.
    SeeCancel(usize),
    /// A worker is declared dead, and the jobs it holds are freed.
    Bury(usize),
    /// The queue itself frees the jobs of a worker it has not heard from.
    TimeOutJobs(usize),
    /// A worker says that it lives.
    Beat(usize),
    /// A worker finds that it was declared dead, and goes on under a fresh id.
    StartOver(usize),
    /// A worker sees that the operation is over.
    SeeEnd(usize),
    /// A worker writes the end it saw.
    WriteEnd(usize),
    /// A worker gives a job to the first item that waits for each tenant an ended item held.
    Release(usize),
    /// A worker gives back an item it owns and does not work on.
    GiveBack(usize, usize),
    /// An item without a live job gets a new one.
    Reconcile(usize),
    /// A halted worker runs again.
    Continue(usize),
    /// An operator resumes a paused operation; its items that wait get new jobs.
    Resume(usize),
    /// An operator has a stuck item tried again.
    TryAgain(usize),
    /// An operator gives a stuck item up.
    Abandon(usize),
    /// Misfortune: a worker is gone.
    Crash(usize),
    /// Misfortune: a worker is halted until its lease is over.
    Halt(usize),
    /// Misfortune: the stage a worker is at can never work.
    Refuse(usize),
    /// Misfortune: the server crashes before a worker's claim has reached the disk, and the queue
    /// delivers the job again. Not in the protocol: a commit that was answered stays.
    LoseClaim(usize),
    /// Misfortune: the transaction in which a worker releases tenants fails.
    LoseRelease(usize),
    /// Misfortune: a job vanishes.
    LoseJob(usize),
    /// Misfortune: a job is delivered again while a live worker holds it.
    DoubleJob(usize),
    /// Misfortune: an operator cancels the operation.
    Cancel(usize),
    /// Misfortune: an operator pauses the operation.
    Pause(usize),
    /// Misfortune: an operator retries an item that ended without success.
    Retry(usize),
}

/// What becomes of a transaction, and what the worker hears of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// It is committed (or fenced out), and the worker knows.
    Done,
    /// Misfortune: it is committed, and the connection lost before the answer.
    Lost,
    /// Misfortune: it is rolled back by a passing error.
    Failed,
}

impl Action {
    /// Whether the protocol itself does it, sooner or later. The others come from outside, and
    /// may never come.
    #[must_use]
    pub const fn is_own(&self) -> bool {
        matches!(
            self,
            Self::Fetch(..)
                | Self::Step(_, Answer::Done)
                | Self::SeeCancel(_)
                | Self::Bury(_)
                | Self::TimeOutJobs(_)
                | Self::Beat(_)
                | Self::StartOver(_)
                | Self::SeeEnd(_)
                | Self::WriteEnd(_)
                | Self::Release(_)
                | Self::GiveBack(..)
                | Self::Reconcile(_)
        )
    }

    /// Whether it uses up a misfortune.
    const fn is_fault(&self) -> bool {
        use Action::{Abandon, Continue, Resume, TryAgain};
        !self.is_own() && !matches!(self, Continue(_) | Resume(_) | TryAgain(_) | Abandon(_))
    }
}

impl Protocol {
    pub(crate) fn act(&self, state: &mut State, action: Action) {
        if action.is_fault() {
            state.faults_left -= 1;
        }
        match action {
            Action::Fetch(w, n) => fetch(state, w, n),
            Action::LoseJob(n) => drop(state.jobs.remove(n)),
            Action::LoseClaim(w) => lose_claim(state, w),
            Action::LoseRelease(w) => state.workers[w].freed = [false; 2],
            Action::DoubleJob(n) => state.jobs[n].holder = None,
            Action::Step(w, answer) => self.step(state, w, answer),
            Action::SeeCancel(w) => self.stop_working(state, w, Reason::Cancelled),
            Action::Refuse(w) => self.stop_working(state, w, Reason::Failed),
            Action::Bury(w) => {
                state.workers[w].row = Row::Stopped;
                state.free_jobs_of(w);
            }
            Action::TimeOutJobs(w) => state.free_jobs_of(w),
            Action::Beat(w) => state.workers[w].row = Row::Alive,
            Action::StartOver(w) => {
                let worker = &mut state.workers[w];
                (worker.row, worker.late) = (Row::Alive, false);
                worker.life += 1;
            }
            Action::SeeEnd(w) => see_end(state, w),
            Action::WriteEnd(w) => self.write_end(state, w),
            Action::Release(w) => state.release(w),
            Action::GiveBack(_, item) => give_back(state, item),
            Action::Reconcile(item) => state.mint_job(item),
            Action::Continue(w) => state.workers[w].process = Process::Running,
            Action::Halt(w) => fall_silent(state, w, Process::Halted),
            Action::Crash(w) => {
                fall_silent(state, w, Process::Crashed);
                state.workers[w].forget();
            }
            Action::Cancel(operation) => self.cancel(state, operation),
            Action::Pause(operation) => state.operations[operation].paused = true,
            Action::Resume(operation) => resume(state, operation),
            Action::TryAgain(item) => self.try_again(state, item),
            Action::Abandon(item) => abandon(state, item),
            Action::Retry(item) => retry(state, item),
        }
    }

    fn write_end(&self, state: &mut State, worker: usize) {
        let Some((outcome, run)) = state.workers[worker].outcome.take() else { return };
        let operation = &mut state.operations[0];
        let is_due = !operation.state.is_final()
            && (run == operation.run || self.variant == Variant::SettlesAnyRun);
        if is_due || self.variant == Variant::NoSettleGuard {
            operation.state = outcome;
            operation.events += 1;
        }
    }

    /// One transaction: asks for the end of the operation, and ends what has not begun.
    fn cancel(&self, state: &mut State, operation: usize) {
        state.operations[operation].state = OperationState::Cancelling;
        state.operations[operation].cancelled = true;
        for i in state.items_of(operation) {
            if self.may_be_cancelled(state, i) {
                state.move_item(i, ItemState::Cancelled);
                state.let_go(i);
            }
        }
        if state.operations[operation].paused {
            resume(state, operation);
        }
    }

    /// Whether a cancel ends `item` by itself. What was claimed in another database may still
    /// take effect there, until a claim has raised the token.
    fn may_be_cancelled(&self, state: &State, item: usize) -> bool {
        let row = &state.items[item];
        let begun = row.checkpoints.contains(&true);
        let may_be_at_work = self.remote && self.variant != Variant::CancelEndsClaimed;
        let waits = match row.state {
            ItemState::Queued | ItemState::Waiting => true,
            ItemState::Retrying => !may_be_at_work,
            _ => false,
        };
        waits && (!begun || self.variant == Variant::CancelEndsBegun)
    }

    /// An operator has a stuck item tried again. Its operation goes on.
    fn try_again(&self, state: &mut State, item: usize) {
        state.steer_item(item, ItemState::Retrying);
        let row = &mut state.items[item];
        row.tries = 0;
        state.operations[row.operation].reopen(self.variant);
        state.mint_job(item);
    }
}

/// An operator gives a stuck item up: what is committed stays.
fn abandon(state: &mut State, item: usize) {
    state.steer_item(item, ItemState::Failed);
    state.let_go(item);
}

fn fetch(state: &mut State, worker: usize, job: usize) {
    state.jobs[job].holder = Some(worker);
    let hand = Hand::without_claim(state.jobs[job].item, Phase::Claim);
    state.workers[worker].hand = Some(hand);
    state.workers[worker].late = state.workers[worker].row == Row::Stopped;
}

fn lose_claim(state: &mut State, worker: usize) {
    let Some(hand) = state.workers[worker].hand else { return };
    let row = &mut state.items[hand.item];
    row.attempt -= 1;
    row.tries -= 1;
    row.owner = None;
    row.state = if row.attempt == 0 { ItemState::Queued } else { ItemState::Retrying };
    state.free_jobs_of(worker);
}

/// Its heartbeat ends. What it did not do between its last act and the end of its lease is the
/// same whether it was slow, halted or gone, so the lease is over at once.
fn fall_silent(state: &mut State, worker: usize, process: Process) {
    let worker = &mut state.workers[worker];
    worker.process = process;
    if worker.row == Row::Alive {
        worker.row = Row::Silent;
    }
}

fn see_end(state: &mut State, worker: usize) {
    let cancelled = state.operations[0].cancelled;
    let outcome = state.progress(0).outcome(Mode::Independent, cancelled);
    state.workers[worker].outcome = Some((outcome, state.operations[0].run));
    state.workers[worker].marked = false;
}

fn give_back(state: &mut State, item: usize) {
    if state.items[item].state == ItemState::Running {
        state.move_item(item, ItemState::Retrying);
    }
    state.items[item].owner = None;
    state.mint_job(item);
}

/// Lets a paused operation go on: each of its items that wait gets a new job.
fn resume(state: &mut State, operation: usize) {
    state.operations[operation].paused = false;
    for i in state.items_of(operation) {
        let row = &state.items[i];
        if !row.state.is_final() && row.owner.is_none() {
            state.mint_job(i);
        }
    }
}

/// The retry of an operation. The names of a tenant that never was are reserved again.
fn retry(state: &mut State, item: usize) {
    state.steer_item(item, ItemState::Queued);
    let row = &mut state.items[item];
    (row.tries, row.reason) = (0, None);
    let tenant = &mut state.tenants[row.tenant];
    if row.kind == Kind::Provision && tenant.state == TenantState::Released {
        tenant.state = TenantState::Pending;
    }
    let operation = &mut state.operations[row.operation];
    operation.state = OperationState::Queued;
    operation.cancelled = false;
    state.mint_job(item);
}
